"""The rows of an epoch: each chosen variant of each source row once, with the dataset's own texts and labels."""

import pickle
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import datasets
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlt_augment import Substitute, SynonymSet, build
from xlt_train import TrainingSet
from xlt_train.data.encode import Encoder
from xlt_train.data.view import ExampleView, VariantView
from xlt_train.errors import DatasetError

ROWS = 7
LABELS = ("neutral", "contradiction", "entailment")  # not in the order of the alphabet


def write_out(columns: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """An encoder that keeps the texts."""
    return [{"texts": texts} for texts in zip(*columns)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Path]]:
    """m -> dataset of seven rows in m + 1 variants."""
    root = tmp_path_factory.mktemp("view")
    lines = (f"a good movie number {k}\ta happy film , number {k} is the best\t{LABELS[k % 3]}\n" for k in range(ROWS))
    (root / "c.tsv").write_text("".join(lines))
    operator = Substitute(SynonymSet.default(), p=0.7)
    for m in (1, 2, 5):
        build(root / "c.tsv", operator, m=m, out=root / str(m), labels=LABELS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XLT_CACHE", str(root / "cache"))
        yield {m: root / str(m) for m in (1, 2, 5)}


@pytest.fixture(scope="module")
def sets(folders: dict[int, Path]) -> dict[int, TrainingSet]:
    """m -> the same, opened."""
    return {m: TrainingSet.open(path) for m, path in folders.items()}


def _view(data: TrainingSet, variants: Sequence[int], label_ids: Sequence[int] = (0, 1, 2)) -> VariantView:
    return VariantView(data, variants, write_out, label_ids)


@given(m=st.integers(1, 32_767), source_rows=st.integers(1, 40), data=st.data())
def test_an_epoch_is_each_chosen_variant_of_each_row_once(m: int, source_rows: int, data: st.DataObject) -> None:
    variants = data.draw(st.lists(st.integers(0, m), min_size=1, max_size=12, unique=True).map(sorted))
    view = _view(cast(TrainingSet, SimpleNamespace(manifest=SimpleNamespace(source_rows=source_rows, m=m))), variants)
    order = data.draw(st.permutations(range(len(view))))
    found = view.rows(order)
    assert len(view) == source_rows * len(variants)
    assert sorted(found) == sorted(k * (m + 1) + v for k in range(source_rows) for v in variants)
    assert [row // (m + 1) for row in found] == [item // len(variants) for item in order]  # the items of a row lie together
    assert all(type(row) is int for row in found)


def test_a_large_dataset_has_large_addresses() -> None:
    view = _view(cast(TrainingSet, SimpleNamespace(manifest=SimpleNamespace(source_rows=10**9, m=32_767))), range(1, 32_768))
    assert len(view) == 10**9 * 32_767
    assert view.rows([len(view) - 1]) == [10**9 * 32_768 - 1]


@given(m=st.sampled_from([1, 2, 5]), data=st.data())
def test_items_are_the_rows_that_plain_datasets_gives(m: int, data: st.DataObject, sets: dict[int, TrainingSet]) -> None:
    variants = data.draw(st.lists(st.integers(0, m), min_size=1, unique=True).map(sorted))
    view, plain = _view(sets[m], variants), datasets.load_from_disk(str(sets[m].path))
    items = data.draw(st.lists(st.integers(0, len(view) - 1), min_size=1, max_size=20))
    for item, found in zip(items, view.__getitems__(items), strict=True):
        source_id, variant = item // len(variants), variants[item % len(variants)]
        row = plain[found["rows"]]
        assert (row["source_id"], row["variant"]) == (source_id, variant)
        assert found == {"texts": (row["sentence1"], row["sentence2"]), "labels": row["label"], "rows": found["rows"]}
        assert LABELS[found["labels"]] == LABELS[source_id % 3]
        assert view[item] == found


@given(m=st.sampled_from([1, 2, 5]), data=st.data())
def test_take_gives_texts_and_labels_in_the_order_asked_for(m: int, data: st.DataObject, sets: dict[int, TrainingSet]) -> None:
    plain = datasets.load_from_disk(str(sets[m].path))
    rows = data.draw(st.lists(st.integers(0, ROWS * (m + 1) - 1), min_size=1, max_size=30))
    found = sets[m].take(rows)
    assert list(found) == ["sentence1", "sentence2", "label"]
    assert found == {name: [plain[k][name] for k in rows] for name in found}


def test_originals_are_variant_0(sets: dict[int, TrainingSet]) -> None:
    for data in sets.values():
        plain = datasets.load_from_disk(str(data.path)).filter(lambda row: row["variant"] == 0)
        for limit in (1, 3, ROWS, ROWS + 1, 10**6):
            found = data.originals(limit)
            assert list(found) == ["sentence1", "sentence2"]
            assert found == {name: plain[:limit][name] for name in found}


def test_variants_of_a_small_dataset_are_the_first_of_a_large_one(sets: dict[int, TrainingSet]) -> None:
    small, large = (_view(sets[m], range(1, 3)) for m in (2, 5))
    assert [small[k]["texts"] for k in range(len(small))] == [large[k]["texts"] for k in range(len(large))]


def test_negative_items_count_from_the_end_and_others_are_refused(sets: dict[int, TrainingSet]) -> None:
    view = _view(sets[2], [1, 2])
    assert [view[k - len(view)] for k in range(len(view))] == [view[k] for k in range(len(view))]
    for item in (len(view), -len(view) - 1, 10**12):
        with pytest.raises(IndexError):
            view[item]
    assert len(list(iter(view))) == len(view)  # the sequence protocol of Python ends where it should


def test_labels_are_numbered_as_the_head_numbers_them(sets: dict[int, TrainingSet]) -> None:
    plain, turned = _view(sets[2], [0, 1, 2]), _view(sets[2], [0, 1, 2], label_ids=(2, 0, 1))
    assert [turned[k]["labels"] for k in range(len(turned))] == [(2, 0, 1)[plain[k]["labels"]] for k in range(len(plain))]


class Altered:
    """Rows that give others than those asked for: `order[k]` for k, with changed labels."""

    def __init__(self, data: TrainingSet, order: Sequence[int], labels: dict[int, int | None]) -> None:
        self.data, self.order, self.labels = data, order, labels

    def take(self, rows: Sequence[int]) -> dict[str, list[Any]]:
        found = self.data.rows.take([self.order[k] for k in rows])
        return found | {"label": [self.labels.get(k, label) for k, label in zip(rows, found["label"])]}


@pytest.mark.parametrize("order", [list(range(1, 21)) + [0], list(range(20, -1, -1)), [0, 0, *range(1, 20)]])
def test_a_row_at_another_address_is_refused(order: list[int], sets: dict[int, TrainingSet]) -> None:
    wrong = replace(sets[2], rows=cast(Any, Altered(sets[2], order, {})))
    row = next(k for k, there in enumerate(order) if k != there)
    with pytest.raises(DatasetError, match=rf"reading row {row} of .*source_id {row // 3}, variant {row % 3} and a label"):
        wrong.take(range(21))
    with pytest.raises(DatasetError):
        _view(wrong, [0, 1, 2])[row]


@pytest.mark.parametrize("label", [None, -1, 3])
def test_a_row_without_a_label_of_the_dataset_is_refused(label: int | None, sets: dict[int, TrainingSet]) -> None:
    wrong = replace(sets[1], rows=cast(Any, Altered(sets[1], range(14), {4: label})))
    assert len(wrong.take([3])["label"]) == 1
    with pytest.raises(DatasetError, match=rf"reading row 4 of .*label {label};"):
        wrong.take([3, 4])


@given(rows=st.lists(st.integers(0, ROWS * 6 - 1), max_size=50))
def test_any_rows_of_several_files_are_those_of_datasets(rows: list[int], several: Path) -> None:
    data, plain = TrainingSet.open(several), datasets.load_from_disk(str(several))
    assert len(data.rows.paths) > 1
    names = ("sentence1", "sentence2", "label")
    assert data.take(rows) == {name: plain[rows][name] if rows else [] for name in names}


@pytest.fixture(scope="module")
def several(folders: dict[int, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of many small files."""
    out = tmp_path_factory.mktemp("several") / "d"
    build(folders[1].parent / "c.tsv", Substitute(SynonymSet.default(), p=0.7), m=5, out=out, max_shard_size=1)
    return out


def test_rows_outside_are_refused(sets: dict[int, TrainingSet]) -> None:
    for rows in ([-1], [14], [0, 10**12]):
        with pytest.raises(IndexError):
            sets[1].rows.take(rows)


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="Linux tells what is mapped, and how")
def test_rows_are_read_by_memory_map_one_page_at_a_time(folders: dict[int, Path], tmp_path: Path) -> None:
    copy = shutil.copytree(folders[5], tmp_path / "d")
    data = TrainingSet.open(copy)
    maps = Path("/proc/self/smaps").read_text().split("VmFlags:")
    flags = [after.splitlines()[0].split() for before, after in zip(maps, maps[1:]) if str(copy) in before]
    assert flags, "the files are mapped"
    assert all("rr" in found for found in flags), "and advised to be read at random"
    assert len(data.rows) == ROWS * 6


def _tokenised(data: TrainingSet) -> VariantView:
    from xlt_train.models.nano import nano_tokenizer

    encode = Encoder(nano_tokenizer(chain.from_iterable(data.originals(99).values()), 16), 16)
    return VariantView(data, [1, 2], encode, (2, 1, 0))


def test_a_view_can_be_sent_to_another_process(sets: dict[int, TrainingSet]) -> None:
    view = _tokenised(sets[2])
    copy = pickle.loads(pickle.dumps(view))  # noqa: S301 - our own, as a DataLoader sends it
    assert [copy[k] for k in range(len(copy))] == [view[k] for k in range(len(view))]


def test_spawned_workers_see_the_same_rows(sets: dict[int, TrainingSet]) -> None:
    from torch.utils.data import DataLoader

    view = _tokenised(sets[2])
    loader = DataLoader(view, batch_size=5, collate_fn=list, num_workers=1, multiprocessing_context="spawn")  # type: ignore[arg-type]
    assert [item for batch in loader for item in batch] == [view[k] for k in range(len(view))]


def test_texts_are_cut_to_the_length_longer_one_first(sets: dict[int, TrainingSet]) -> None:
    view = _tokenised(sets[2])
    encode = cast(Encoder, view.encode)
    short, long = "a", "number " * 50
    alone = len(encode([[short]])[0]["input_ids"]) - 2
    sizes = {(short, long): (alone, 13 - alone), (long, short): (13 - alone, alone), (long, long): (7, 6)}
    for (first, second), (one, two) in sizes.items():
        (found,) = encode([[first], [second]])
        ids, kinds = found["input_ids"], found["token_type_ids"]
        assert len(ids) == len(found["attention_mask"]) == 16
        assert ids.count(encode.tokenizer.sep_token_id) == 2
        assert (kinds.count(0) - 2, kinds.count(1) - 1) in ((one, two), (two, one) if first == second else (one, two))


@given(items=st.lists(st.integers(0, 4), max_size=9))
def test_examples_in_memory(items: list[int]) -> None:
    columns = [[f"a{k}" for k in range(5)], [f"b{k}" for k in range(5)]]
    bare, labelled = ExampleView(columns, write_out, None), ExampleView(columns, write_out, [4, 3, 2, 1, 0])
    assert len(bare) == len(labelled) == 5
    assert bare.__getitems__(items) == [{"texts": (f"a{k}", f"b{k}")} for k in items]
    assert labelled.__getitems__(items) == [{"texts": (f"a{k}", f"b{k}"), "labels": 4 - k} for k in items]
    assert [labelled[k] for k in items] == labelled.__getitems__(items)
    for item in (5, -6):
        with pytest.raises(IndexError):
            bare[item]


def test_variants_may_be_an_array(sets: dict[int, TrainingSet]) -> None:
    assert _view(sets[5], np.arange(1, 6)).rows(np.arange(35)) == _view(sets[5], range(1, 6)).rows(range(35))  # type: ignore[arg-type]
