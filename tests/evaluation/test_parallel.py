"""A test folder as one parallel set: what is left out, what is refused, which files are taken."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlt_train.data.examples import Layout
from xlt_train.data.parallel import ParallelSet
from xlt_train.errors import ExamplesError, UsageError

CASES = json.loads((Path(__file__).parent / "cases" / "parallel.json").read_text(encoding="utf-8"))
LAYOUT = Layout(text_columns=("one", "two"))
ROWS = ["a\tb\t1", "c\td\t0"]
BARE = ["a\tb", "c\td"]


def _write(folder: Path, files: dict[str, Sequence[str]], split: str = "test") -> Path:
    folder.mkdir(exist_ok=True)
    for language, lines in files.items():
        (folder / f"{split}-{language}.tsv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


def _read(folder: Path, split: str = "test", **options: Any) -> ParallelSet:
    return ParallelSet.read(folder, split, LAYOUT, **options)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["about"])
def test_what_is_dropped_is_dropped_everywhere(case: dict[str, Any], tmp_path: Path) -> None:
    folder, rows = _write(tmp_path / "t", case["files"]), tuple(case["rows"]) if "rows" in case else None
    found = _read(folder, placeholders="drop", rows=rows)
    assert (found.counts, found.items.tolist(), found.languages) == (case["counts"], case["items"], sorted(case["files"]))
    for language, lines in case["files"].items():
        kept = [lines[k].split("\t") for k in case["items"]]
        assert [list(column) for column in found.files[language].texts] == [[row[0] for row in kept], [row[1] for row in kept]]
        assert found.files[language].labels == ([row[2] for row in kept] if len(kept[0]) > 2 else None)
        assert len(found.files[language]) == len(found)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["about"])
def test_what_is_kept_is_counted_and_a_gap_is_refused(case: dict[str, Any], tmp_path: Path) -> None:
    folder, rows = _write(tmp_path / "t", case["files"]), tuple(case["rows"]) if "rows" in case else None
    if "keep" in case:
        with pytest.raises(ExamplesError, match=rf"test-{case['keep']}: found a blank line.*--placeholders drop"):
            _read(folder, rows=rows)
        return
    found = _read(folder, rows=rows)
    assert found.counts == case["counts"] | {"kept": case["counts"]["total"]}
    start, stop = rows or (0, found.counts["total"])
    assert found.items.tolist() == list(range(start, stop))


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(["x", "NS", "", " "]), st.sampled_from("01")), min_size=4, max_size=4), min_size=1
    )
)
def test_dropping_is_by_item(rows: list[list[tuple[str, str]]]) -> None:
    """Row k of all four files at once, as the definition says it."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        files = {f"a{'abcd'[n]}": [f"{row[n][0]}\tb\t{row[n][1]}" for row in rows] for n in range(4)}
        bad = [any(text.strip() in ("NS", "") for text, _ in row) or len({label for _, label in row}) > 1 for row in rows]
        if all(bad):
            with pytest.raises(ExamplesError, match=f"found {len(rows)} items, each with"):
                _read(_write(Path(name) / "t", files), placeholders="drop")
        else:
            found = _read(_write(Path(name) / "t", files), placeholders="drop")
            assert found.items.tolist() == np.flatnonzero(~np.array(bad)).tolist()


def test_rows_that_do_not_align_are_refused(tmp_path: Path) -> None:
    folder = _write(tmp_path / "t", {"de": ROWS, "en": ROWS[:1]})
    for policy in ("keep", "drop"):
        with pytest.raises(ExamplesError, match=r"test-en\.tsv: found 1 rows; expected 2 .*--placeholders drop"):
            _read(folder, placeholders=policy)


def test_blank_rows_of_other_formats(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = _write(tmp_path / "t", {"de": ["a\tb\t1", "NS\td\t0", "e\tf\t1"]})
    record = '{"one": "a", "two": "b", "label": 1}'
    (folder / "test-en.jsonl").write_text(f"{record}\n{record}\n\n")
    (folder / "test-fr.csv").write_text("one,two,label\na,b,1\nc,d,0\n\n")
    (folder / "test-ko.jsonl").write_text(f'{record}\n{record}\n{{"one": null, "two": "b"}}\n')
    pq.write_table(pa.table({"one": ["a", "b", None], "two": ["c"] * 3, "label": ["1", "0", None]}), folder / "test-zh.parquet")
    found = _read(folder, placeholders="drop")
    assert found.counts == {"total": 3, "kept": 1, "placeholders": 1, "differing_labels": 1, "missing": 1}
    (folder / "test-en.jsonl").write_text(f"{record}\n{record}\n{{}}\n")
    with pytest.raises(ExamplesError, match=r"test-en\.jsonl:3: found no column 'one'"):
        _read(folder, placeholders="drop")


def test_a_row_with_texts_needs_its_label(tmp_path: Path) -> None:
    folder = _write(tmp_path / "t", {"de": ["a\tb\t1", "c\td", ""]})
    with pytest.raises(ExamplesError, match=r"test-de\.tsv:2: found no label"):
        _read(folder, placeholders="drop")


@pytest.mark.parametrize(
    ("tests", "devs", "taken", "says"),
    [
        ({"de": ROWS, "en": ROWS}, {"en": ROWS}, "test", None),
        ({"de": ROWS, "en": BARE}, {"de": ROWS, "en": ROWS, "fr": ROWS}, "dev", "no labels in test-en.tsv"),
        ({"de": BARE, "en": BARE}, {"en": ROWS}, "test", None),  # German would be lost without a word
        ({"de": BARE}, {"de": BARE}, "test", None),
        ({}, {"de": ROWS}, "dev", "no file test-LANG"),
        ({"de": BARE}, {}, "test", None),
    ],
)
def test_which_files_are_taken(
    tests: dict[str, list[str]], devs: dict[str, list[str]], taken: str, says: str | None, tmp_path: Path
) -> None:
    folder = _write(_write(tmp_path / "t", tests), devs, "dev")
    found = _read(folder, "auto")
    assert found.split == taken
    assert found.languages == sorted(tests or devs)
    assert says is None if found.note is None else says is not None and found.note.startswith(says)
    for split, files in (("test", tests), ("dev", devs)):
        if files:
            asked = _read(folder, split)
            assert (asked.split, asked.note, asked.languages) == (split, None, sorted(files))


def test_no_files_at_all(tmp_path: Path) -> None:
    with pytest.raises(ExamplesError, match="no file test-LANG"):
        _read(_write(tmp_path / "t", {}), "auto")
    with pytest.raises(ExamplesError, match="No such file"):
        _read(tmp_path / "none", "auto")


def test_languages_are_chosen(tmp_path: Path) -> None:
    folder = _write(tmp_path / "t", {"de": ROWS, "en": ROWS, "ko": ROWS[:1]})
    assert _read(folder, languages=("en", "de")).languages == ["de", "en"]
    with pytest.raises(ExamplesError, match=r"no file test-fr\.tsv; expected .*there are de, en, ko"):
        _read(folder, languages=("en", "fr"))
    with pytest.raises(UsageError, match="'forget'; expected keep or drop"):
        _read(folder, placeholders="forget")


def test_the_identity_is_of_all_that_is_judged(tmp_path: Path) -> None:
    folder = _write(tmp_path / "t", {"de": ROWS, "en": ROWS})
    usual = _read(folder).identity
    assert _read(folder).identity == usual
    others = {
        _read(folder, rows=(0, 1)).identity,
        _read(folder, placeholders="drop").identity,
        _read(folder, languages=("de",)).identity,
        ParallelSet.read(folder, "test", Layout(text_columns=("two", "one"), columns=("one", "two", "label"))).identity,
    }
    _write(folder, {"en": [*ROWS[:1], "c\te\t0"]})
    assert len(others | {usual, _read(folder).identity}) == 6
    assert len(usual) == 16


def test_the_counts_of_the_real_files(shared_data: Path) -> None:
    """As the data's own notes say them."""
    counts = {split: _read(shared_data / "pawsx", split).counts for split in ("dev", "test")}
    assert counts["dev"] == {"total": 2000, "kept": 2000, "placeholders": 151, "differing_labels": 72, "missing": 0}
    assert counts["test"]["placeholders"] == 121
    dropped = _read(shared_data / "pawsx", "auto", placeholders="drop")
    assert (dropped.split, len(dropped)) == ("dev", 2000 - 151)
