"""The first rows of a dataset from a file in pieces: no more of it is taken than is shown, and odd files are refused."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator

import pyarrow as pa
import pytest

from tests.store.made import made_dataset
from xlt_augment.errors import DatasetError
from xlt_augment.materialize.dataset import AugmentedDataset
from xlt_augment.service import head_rows
from xlt_augment.service.failures import Refused
from xlt_augment.store.artifacts import StoredFile

ROWS = "".join(f"The movie {k} was good .\tA good film , {k} .\t{'yes' if k % 2 else 'no'}\n" for k in range(30))


class Stream:
    """An Arrow file in pieces, and how many of them were taken."""

    def __init__(self, dataset: AugmentedDataset, *, batches: int = 40, size: int = 512, rows: int = 3) -> None:
        first = next(dataset.batches())
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, first.schema) as writer:
            for k in range(batches):
                writer.write_batch(first.slice(k * rows, rows))
        self.content = sink.getvalue().to_pybytes()
        self.file = StoredFile("data.arrow", len(self.content), "0" * 64)
        self.pieces, self.taken, self.closed = self._pieces(size), 0, False

    def _pieces(self, size: int) -> Iterator[bytes]:
        try:
            for k in range(0, len(self.content), size):
                self.taken += size
                yield self.content[k : k + size]
        finally:
            self.closed = True


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[AugmentedDataset, head_rows.Wanted]:
    dataset = AugmentedDataset.open(made_dataset(tmp_path_factory.mktemp("large") / "two", m=25, rows=ROWS))
    return dataset, head_rows.Wanted.of(dataset.manifest)


def test_of_a_large_file_no_more_is_read_than_is_shown(
    large: tuple[AugmentedDataset, head_rows.Wanted], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, wanted = large
    content = (dataset.path / dataset.manifest.data_files[0].path).read_bytes()
    whole = head_rows.read_head(iter([content]), StoredFile("x", len(content), hashlib.sha256(content).hexdigest()), wanted)
    assert whole.checked
    stream = Stream(dataset, batches=260)
    monkeypatch.setattr(head_rows, "MOST_SAMPLES", 4)
    monkeypatch.setattr(head_rows, "WHOLE", len(stream.content) - 1)
    found = head_rows.read_head(stream.pieces, stream.file, wanted)
    assert found.samples == whole.samples[:4]
    assert not found.checked
    assert stream.taken < len(stream.content) / 4
    assert stream.closed


def test_what_is_too_large_is_refused_before_it_is_read(
    large: tuple[AugmentedDataset, head_rows.Wanted], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, wanted = large
    stream = Stream(dataset, batches=1, rows=780)
    monkeypatch.setattr(head_rows, "WHOLE", 20_000)
    with pytest.raises(Refused, match="record batch that goes beyond") as refusal:
        head_rows.read_head(stream.pieces, stream.file, wanted)
    assert refusal.value.status == 422
    assert stream.taken <= 20_512 < len(stream.content)
    assert stream.closed
    monkeypatch.setattr(head_rows, "_SHOWN", 2_500)  # bytes of texts: 21 rows have 830
    assert [len(head_rows.read_head(s.pieces, s.file, wanted).samples) for s in [Stream(dataset)]] == [3]
    monkeypatch.setattr(head_rows, "_SHOWN", 100)
    again = Stream(dataset)
    (only,) = head_rows.read_head(again.pieces, again.file, wanted).samples
    assert (only["texts"]["sentence1"], len(only["variants"])) == ("The movie 0 was good .", 1)
    monkeypatch.setattr(head_rows, "_SHOWN", 10)
    again = Stream(dataset)
    with pytest.raises(Refused, match="a longer text"):
        head_rows.read_head(again.pieces, again.file, wanted)


def test_rows_that_are_others_than_the_manifest_says_are_refused(
    large: tuple[AugmentedDataset, head_rows.Wanted], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, wanted = large
    monkeypatch.setattr(head_rows, "WHOLE", 1 << 16)
    for change, what in (({"m": 24}, "source 0, variant 25 in row 25"), ({"columns": ("other",)}, "other")):
        stream = Stream(dataset, batches=260)
        manifest = dataclasses.replace(wanted.manifest, recipe=wanted.manifest.recipe | {"text_columns": ["other"]})
        odd = dataclasses.replace(wanted, **change, **({"manifest": manifest} if "columns" in change else {}))  # type: ignore[arg-type]
        with pytest.raises(DatasetError, match=what):
            head_rows.read_head(stream.pieces, stream.file, odd)
    for content in (b"", b"no arrow stream at all", stream.content[:3_000], stream.content[:50]):
        file = StoredFile("data.arrow", 1 << 20, "0" * 64)
        with pytest.raises(DatasetError, match="no Arrow stream"):
            head_rows.read_head(iter([content]), file, dataclasses.replace(wanted))
    with pytest.raises(DatasetError, match="sha256"):
        head_rows.read_head(iter([b"x"]), StoredFile("data.arrow", 1, "0" * 64), wanted)
    assert json.dumps(head_rows.read_head(Stream(dataset).pieces, StoredFile("x", 1 << 20, ""), wanted).samples)
