"""Development and test files are read as they are, or refused with file, line and remedy."""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlt_train.data.examples import Examples, Layout, parse_rows, read_examples, same_count
from xlt_train.data.languages import language_files
from xlt_train.errors import ExamplesError, UsageError

PAIRS = Layout(text_columns=("sentence1", "sentence2"))
SINGLE = Layout(text_columns=("sentence",))
NAMED = Layout(text_columns=("sentence1", "sentence2"), label_column="gold", columns=("gold", "id", "sentence2", "sentence1"))
GOOD = b"a\tb\t1\nc\td\t0\n"


class Good(NamedTuple):
    """A file and what is read from it."""

    name: str
    file: str
    content: bytes
    texts: tuple[list[str], ...]
    labels: list[str] | None
    layout: Layout = PAIRS


class Bad(NamedTuple):
    """A file and what the message must say."""

    name: str
    file: str
    content: bytes
    says: tuple[str, ...]
    layout: Layout = PAIRS


AC, BD, LABELS = ["a", "c"], ["b", "d"], ["1", "0"]
READ = [
    Good("headerless", "a.tsv", GOOD, (AC, BD), LABELS),
    Good("no last line break", "a.tsv", GOOD[:-1], (AC, BD), LABELS),
    Good("header", "a.tsv", b"sentence1\tsentence2\tlabel\n" + GOOD, (AC, BD), LABELS),
    Good("header in another order", "a.tsv", b"label\tid\tsentence2\tsentence1\n1\t7\tb\ta\n0\t8\td\tc\n", (AC, BD), LABELS),
    Good("names given", "a.tsv", b"1\t7\tb\ta\n0\t8\td\tc\n", (AC, BD), LABELS, NAMED),
    Good("CRLF", "a.tsv", GOOD.replace(b"\n", b"\r\n"), (AC, BD), LABELS),
    Good("CRLF and header", "a.tsv", b"sentence1\tsentence2\tlabel\r\na\tb\t1\r\n", (["a"], ["b"]), ["1"]),
    Good("CR inside a text", "a.tsv", b"a\rx\tb\t1\n", (["a\rx"], ["b"]), ["1"]),
    Good("BOM", "a.tsv", b"\xef\xbb\xbf" + GOOD, (AC, BD), LABELS),
    Good("BOM and header", "a.tsv", b"\xef\xbb\xbfsentence1\tsentence2\tlabel\na\tb\t1\n", (["a"], ["b"]), ["1"]),
    Good("quotes are characters", "a.tsv", b'"a\t"b""\t1\n', (['"a'], ['"b""']), ["1"]),
    Good("other line breaks of Unicode", "a.tsv", "a\u2028x\tb\x0by\x0c\x85\u2029\t1\n".encode(),
         (["a\u2028x"], ["b\x0by\x0c\x85\u2029"]), ["1"]),
    Good("spaces stay", "a.tsv", b" a \t\xc2\xa0b\t1\n", ([" a "], ["\u00a0b"]), ["1"]),
    Good("empty texts", "a.tsv", b"\t\t1\n", ([""], [""]), ["1"]),
    Good("no label field", "a.tsv", b"a\tb\nc\td\n", (AC, BD), None),
    Good("empty label field", "a.tsv", b"a\tb\t\nc\td\t\n", (AC, BD), None),
    Good("header without label", "a.tsv", b"sentence1\tsentence2\na\tb\nc\td\n", (AC, BD), None),
    Good("another label column", "a.tsv", b"sentence1\tsentence2\tgold\na\tb\t1\n", (["a"], ["b"]), None),
    Good("its name given", "a.tsv", b"sentence1\tsentence2\tgold\na\tb\t1\n", (["a"], ["b"]), ["1"],
         Layout(text_columns=("sentence1", "sentence2"), label_column="gold")),
    Good("single texts", "a.tsv", b"a\t1\nc\t0\n", (AC,), LABELS, SINGLE),
    Good("single texts alone", "a.tsv", b"a\nc\n", (AC,), None, SINGLE),
    Good("a row like a header, names given", "a.tsv", b"sentence1\tsentence2\tlabel\n",
         (["sentence1"], ["sentence2"]), ["label"],
         Layout(text_columns=("sentence1", "sentence2"), columns=("sentence1", "sentence2", "label"))),
    Good("scripts", "a.tsv", "안녕\tสวัสดี\tينتج\n".encode(), (["안녕"], ["สวัสดี"]), ["ينتج"]),
    Good("CSV", "a.csv", b"sentence1,sentence2,label\na,b,1\nc,d,0\n", (AC, BD), LABELS),
    Good("CSV without header", "a.csv", b"a,b,1\nc,d,0\n", (AC, BD), LABELS),
    Good("CSV with CRLF and BOM", "a.csv", b"\xef\xbb\xbfsentence1,sentence2,label\r\na,b,1\r\n", (["a"], ["b"]), ["1"]),
    Good("CSV with quotes", "a.csv", b'"a\nx","b ""y"", z",1\nc,"d\r\n",0\n', (["a\nx", "c"], ['b "y", z', "d\r\n"]), LABELS),
    Good("CSV without labels", "a.csv", b"sentence1,sentence2\na,b\n", (["a"], ["b"]), None),
    Good("a long field in CSV", "a.csv", b"a" * 140_000 + b",b,1\n", (["a" * 140_000], ["b"]), ["1"]),
    Good("JSONL", "a.jsonl", b'{"sentence1": "a", "sentence2": "b", "label": 1, "x": [1]}\n{"label": "0", "sentence2": "d", '
         b'"sentence1": "c"}', (AC, BD), LABELS),
    Good("JSONL with CRLF and BOM", "a.jsonl", b'\xef\xbb\xbf{"sentence": "a", "label": 0}\r\n', (["a"],), ["0"], SINGLE),
    Good("JSONL with escapes", "a.jsonl", b'{"sentence": "\\ud83d\\udc4d\\u2028\\n", "label": 0}\n',
         (["👍\u2028\n"],), ["0"], SINGLE),
    Good("JSONL with null labels", "a.jsonl", b'{"sentence": "a", "label": null}\n{"sentence": "c"}\n', (AC,), None, SINGLE),
]  # fmt: skip
REFUSED = [
    Bad("one field too many", "a.tsv", GOOD + b"a\tb\t1\tx\n",
        ("a.tsv:3", "4 fields", "3: sentence1, sentence2, label", "--columns")),
    Bad("one field too few", "a.tsv", GOOD + b"a\n", ("a.tsv:3", "expected 3", "--columns")),
    Bad("too few behind a header", "a.tsv", b"sentence1\tsentence2\tx\tlabel\na\tb\n", ("a.tsv:2", "2 fields", "4: sentence1")),
    Bad("some rows without label field", "a.tsv", GOOD + b"a\tb\n" + GOOD, ("a.tsv:3", "no label", "every row, or in none")),
    Bad("the first row without label", "a.tsv", b"a\tb\t\n" + GOOD, ("a.tsv:1", "no label")),
    Bad("blank line", "a.tsv", GOOD + b"\n" + GOOD, ("a.tsv:3", "blank line", "Remove")),
    Bad("blank last line", "a.tsv", GOOD + b"\n", ("a.tsv:3", "blank line")),
    Bad("blank line with CRLF", "a.tsv", GOOD + b"\r\n", ("a.tsv:3", "blank line")),
    Bad("blank line of single texts", "a.tsv", b"a\n\n", ("a.tsv:2", "blank line"), SINGLE),
    Bad("blank first line", "a.tsv", b"\n" + GOOD, ("a.tsv:1", "blank line")),
    Bad("empty", "a.tsv", b"", ("a.tsv", "no rows", "at least one")),
    Bad("BOM alone", "a.tsv", b"\xef\xbb\xbf", ("a.tsv", "no rows")),
    Bad("header alone", "a.tsv", b"sentence1\tsentence2\tlabel\n", ("a.tsv", "no rows")),
    Bad("empty CSV", "a.csv", b"", ("a.csv", "no rows")),
    Bad("empty JSONL", "a.jsonl", b"", ("a.jsonl", "no rows")),
    Bad("invalid UTF-8", "a.tsv", GOOD + b"caf\xe9\tx\t1\n", ("a.tsv:3", "UTF-8")),
    Bad("invalid UTF-8 in CSV", "a.csv", b"a,b,1\ncaf\xe9,b,1\n", ("a.csv:2", "UTF-8")),
    Bad("invalid UTF-8 in JSONL", "a.jsonl", b'{"sentence": "a"}\n{"sentence": "\xff"}\n', ("a.jsonl:2", "UTF-8"), SINGLE),
    Bad("UTF-16", "a.tsv", GOOD.decode().encode("utf-16"), ("a.tsv", "UTF-8")),
    Bad("NUL", "a.tsv", GOOD + b"a\0\tb\t1\n", ("a.tsv:3", "NUL")),
    Bad("NUL in CSV", "a.csv", b"a,b,1\na\0,b,1\n", ("a.csv:2", "NUL")),
    Bad("UTF-16 without a mark", "a.tsv", GOOD.decode().encode("utf-16-le"), ("a.tsv:1", "NUL")),
    Bad("names that lack a text", "a.tsv", b"a\tb\n", ("a.tsv:1", "no column 'sentence2' among sentence1, label", "columns"),
        Layout(text_columns=("sentence1", "sentence2"), columns=("sentence1", "label"))),
    Bad("a repeated name", "a.csv", b"sentence1,sentence2,label,sentence1\na,b,1,x\n", ("a.csv:1", "sentence1", "twice")),
    Bad("CSV too few", "a.csv", b'sentence1,sentence2,label\n"a\nx",b,1\nc\n', ("a.csv:4", "1 field", "3: sentence1")),
    Bad("CSV blank line", "a.csv", b"a,b,1\n\nc,d,0\n", ("a.csv:2", "blank line")),
    Bad("CSV open quote", "a.csv", b'a,b,1\n"c,d,0\n', ("a.csv:2", "no CSV")),
    Bad("CSV text behind a quote", "a.csv", b'a,b,1\n"c"x,d,0\n', ("a.csv:2", "no CSV", "doubled")),
    Bad("unknown ending", "a.xlsx", b"PK", (".xlsx", ".tsv or .csv or .jsonl or .parquet", "Convert")),
    Bad("no ending", "a", b"a\tb\t1\n", ("of no kind", ".tsv")),
    Bad("no Parquet", "a.parquet", b"PAR1 nonsense", ("a.parquet", "no Parquet")),
    Bad("empty Parquet", "a.parquet", b"", ("a.parquet", "no Parquet")),
]  # fmt: skip
# A line of JSON behind a good one, and what the message says; single texts.
JSON_LINES = [
    ("", "a blank line"),
    ('{"sentence": ', "no JSON"),
    ("{'sentence': 'a'}", "no JSON"),
    ('{"sentence": "a"} {}', "no JSON"),
    ('["a"]', "JSON that is no object"),
    ('"a"', "JSON that is no object"),
    ("null", "JSON that is no object"),
    ("7", "JSON that is no object"),
    ("{}", "no column 'sentence'"),
    ('{"sentence": "a"}', "no label"),
    ('{"sentence": "a", "label": null}', "no label"),
    ('{"sentence": "a", "label": ""}', "no label"),
    ('{"label": "1"}', "no column 'sentence' among label"),
    ('{"sentence": null, "label": "1"}', "None as sentence"),
    ('{"sentence": 7, "label": "1"}', "7 as sentence"),
    ('{"sentence": ["a"], "label": "1"}', "['a'] as sentence"),
    ('{"sentence": "\\ud800", "label": "1"}', "UTF-8"),
    ("[" * 100_000, "no JSON"),
]


@pytest.mark.parametrize("case", READ, ids=lambda case: case.name)
def test_a_file_is_read_as_it_is(case: Good, tmp_path: Path) -> None:
    path = tmp_path / case.file
    path.write_bytes(case.content)
    found = read_examples(path, case.layout)
    assert (found.texts, found.labels) == (case.texts, case.labels)
    assert found.path == path
    assert found.sha256 == hashlib.sha256(case.content).hexdigest()
    assert len(found) == len(found.places) == len(case.texts[0])


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_a_bad_file_is_refused_with_its_line(case: Bad, tmp_path: Path) -> None:
    path = tmp_path / case.file
    path.write_bytes(case.content)
    _refused(path, case.layout, case.says)


@pytest.mark.parametrize(("line", "says"), JSON_LINES, ids=[line[:40] or "blank" for line, _ in JSON_LINES])
def test_a_bad_line_of_json_is_refused_with_its_number(line: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"sentence": "a", "label": "1"}\n' + line + '\n{"sentence": "b", "label": "0"}\n')
    _refused(path, SINGLE, ("a.jsonl:2", says))


def _refused(path: Path, layout: Layout, says: tuple[str, ...]) -> None:
    with pytest.raises(ExamplesError) as error:
        read_examples(path, layout)
    assert str(path) in str(error.value)
    for part in says:
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.tsv").mkdir()
    _refused(tmp_path / "nothing.tsv", PAIRS, ("No such file",))
    _refused(tmp_path / "folder.tsv", PAIRS, ("Is a directory",))
    (tmp_path / "folder.parquet").mkdir()
    _refused(tmp_path / "folder.parquet", PAIRS, ("Is a directory",))


@pytest.mark.parametrize(
    ("labels", "texts"),
    [(pa.array([1, 0]), None), (pa.array(["1", "0"]), None), (pa.array(["1", "0"]).dictionary_encode(), pa.large_string())],
    ids=["int", "string", "dictionary"],
)
def test_parquet_of_usual_types(labels: pa.Array, texts: pa.DataType | None, tmp_path: Path) -> None:
    table = {"sentence1": pa.array(AC, texts or pa.string()), "label": labels, "x": [1.5, None], "sentence2": BD}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    found = read_examples(tmp_path / "a.parquet", PAIRS)
    assert (found.texts, found.labels) == ((AC, BD), LABELS)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"sentence": ["a", None], "label": [1, 0]}, ("row 1", "None as sentence")),
        ({"sentence": ["a", "b"], "label": [1, None]}, ("row 1", "no label")),
        ({"sentence": [1, 2], "label": [1, 0]}, ("row 0", "1 as sentence")),
        ({"text": ["a"], "label": [1]}, ("row 0", "no column 'sentence' among text, label")),
        ({"sentence": pa.array([], pa.string())}, ("no rows",)),
        ({"sentence": pa.array([b"\xff"], pa.binary()).cast(pa.string(), safe=False)}, ("UTF-8",)),
    ],
    ids=["null text", "null label", "numbers", "no column", "no rows", "invalid UTF-8"],
)
def test_bad_rows_of_parquet_are_named(table: dict[str, Any], says: tuple[str, ...], tmp_path: Path) -> None:
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    _refused(tmp_path / "a.parquet", SINGLE, says)


TEXT = st.text(st.characters(exclude_characters="\t\n\r\0", exclude_categories=["Cs"]), max_size=12)


@given(rows=st.lists(st.tuples(TEXT, TEXT, TEXT.filter(bool)), min_size=1, max_size=8), end=st.sampled_from(["\n", "\r\n"]))
def test_any_text_survives_a_tsv(rows: list[tuple[str, str, str]], end: str, tmp_path: Path) -> None:
    path = tmp_path / "any.tsv"
    path.write_bytes("".join("\t".join(row) + end for row in [("sentence1", "sentence2", "label"), *rows]).encode())
    found = read_examples(path, PAIRS)
    assert list(zip(*found.texts, found.labels or [])) == rows
    assert found.places == [f"{path}:{k}" for k in range(2, len(rows) + 2)]


@given(rows=st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), min_size=1, max_size=5))
def test_any_text_survives_json(rows: list[tuple[str, str]], tmp_path: Path) -> None:
    path = tmp_path / "any.jsonl"
    path.write_text("".join(json.dumps({"sentence": text, "label": label or "x"}) + "\n" for text, label in rows))
    assert read_examples(path, SINGLE).texts == ([text for text, _ in rows],)


def test_the_columns_of_a_file_stand_for_those_of_the_dataset(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes(b"premise\thypothesis\tgold\na\tb\t1\n")
    layout = Layout.of(PAIRS.text_columns, columns=None, text_columns=("hypothesis", "premise"), label_column="gold")
    assert read_examples(path, layout).texts == (["b"], ["a"])
    for names, columns in ((("premise",), None), (("a", "b", "c"), None), (("a", "b"), ("a", "c", "label"))):
        with pytest.raises(UsageError, match="--text-columns a?.*standing for sentence1, sentence2"):
            Layout.of(PAIRS.text_columns, columns=columns, text_columns=names, label_column="label")


@pytest.fixture
def ten(tmp_path: Path) -> Examples:
    """Ten labelled pairs."""
    (tmp_path / "ten.tsv").write_text("".join(f"a{k}\tb{k}\t{k % 2}\n" for k in range(10)))
    return read_examples(tmp_path / "ten.tsv", PAIRS)


def test_a_part_keeps_everything_together(ten: Examples) -> None:
    assert ten.part(None) is ten
    found = ten.part((3, 5))
    assert found.texts == (["a3", "a4"], ["b3", "b4"])
    assert found.labels == ["1", "0"]
    assert found.places == [f"{ten.path}:4", f"{ten.path}:5"]
    assert (found.path, found.sha256, len(found)) == (ten.path, ten.sha256, 2)
    assert ten.part((0, 10)) == ten
    assert Examples(path=ten.path, sha256="", texts=ten.texts, labels=None, places=ten.places).part((0, 2)).labels is None


@pytest.mark.parametrize("rows", [(0, 11), (10, 11), (99, 100)])
def test_a_part_outside_the_file_is_refused(rows: tuple[int, int], ten: Examples) -> None:
    with pytest.raises(ExamplesError, match=rf"rows {rows[0]}:{rows[1]} of .*10 rows.*at least {rows[1]}"):
        ten.part(rows)


@pytest.mark.parametrize("rows", [(3, 3), (5, 3), (-5, 3), (0, -1)])
def test_a_part_that_is_no_range_is_refused(rows: tuple[int, int], ten: Examples) -> None:
    """The command line lets none through; from Python they would give no rows, or others than those asked for."""
    with pytest.raises(UsageError):
        ten.part(rows)


def test_labels_are_numbered_by_name(ten: Examples) -> None:
    assert ten.label_ids({"1": 5, "0": 7}) == [7, 5] * 5
    with pytest.raises(ExamplesError, match=r"ten\.tsv:2: found the label '1'; expected one of 0, x,"):
        ten.label_ids({"0": 0, "x": 1})
    bare = Examples(path=ten.path, sha256="", texts=ten.texts, labels=None, places=ten.places)
    assert bare.label_ids({}) is None


@given(start=st.integers(0, 10**9), count=st.integers(1, 10**9))
def test_ranges_are_parsed(start: int, count: int) -> None:
    assert parse_rows(f"{start}:{start + count}") == (start, start + count)
    for other in (f"{start + count}:{start}", f"{start}:{start}"):
        with pytest.raises(ValueError, match="FROM:TO"):
            parse_rows(other)


@pytest.mark.parametrize(
    "text", ["", ":", "5", "5:", ":5", "-1:5", "0:-1", "a:b", "0:5:2", "0 :5", "0:5 ", "+0:5", "1_0:20", "0.0:5", "²:5"]
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no range; give FROM:TO, for example 0:500"):
        parse_rows(text)


def test_parallel_files_have_the_same_rows(ten: Examples, tmp_path: Path) -> None:
    same_count([])
    same_count([ten])
    same_count([ten, ten, ten])
    (tmp_path / "other.tsv").write_bytes(GOOD)
    other = read_examples(tmp_path / "other.tsv", PAIRS)
    with pytest.raises(ExamplesError, match=r"other\.tsv: found 2 rows; expected 10 as in ten\.tsv.*every language"):
        same_count([ten, ten, other, ten])


def _touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def test_the_languages_of_a_folder(tmp_path: Path) -> None:
    languages = ["ar", "en", "fil", "pt_BR", "zh", "zh-Hans", "zh-Hant", "zh-Hant-TW"]
    _touch(tmp_path, *(f"test-{language}.tsv" for language in languages), "dev-en.tsv")
    others = (
        "test.tsv test-.tsv test-e.tsv test-english.tsv test_en.tsv en.tsv README.md test-ko.txt test-en.tsv.gz .test-sw.tsv"
    )
    _touch(tmp_path, *others.split(), *"._test-sw.tsv test-sw.tsv~ translate-test-sw.tsv test-12.tsv TEST-sw.tsv".split())
    (tmp_path / "test-de.tsv").mkdir()
    found = language_files(tmp_path, "test")
    assert list(found) == languages
    assert found == {language: tmp_path / f"test-{language}.tsv" for language in languages}
    assert list(language_files(str(tmp_path), "dev")) == ["en"]


def test_any_ending_will_do_and_links_count(tmp_path: Path) -> None:
    _touch(tmp_path, "dev-de.tsv", "dev-en.csv", "dev-fr.jsonl", "dev-ko.parquet")
    (tmp_path / "dev-zh.tsv").symlink_to(tmp_path / "dev-de.tsv")
    (tmp_path / "dev-ja.tsv").symlink_to(tmp_path / "nothing")
    assert {language: path.name for language, path in language_files(tmp_path, "dev").items()} == {
        "de": "dev-de.tsv", "en": "dev-en.csv", "fr": "dev-fr.jsonl", "ko": "dev-ko.parquet", "zh": "dev-zh.tsv"
    }  # fmt: skip


def test_two_files_of_a_language_are_refused(tmp_path: Path) -> None:
    _touch(tmp_path, "test-de.tsv", "test-en.jsonl", "test-en.tsv")
    with pytest.raises(ExamplesError, match=r"both test-en\.jsonl and test-en\.tsv; expected one file for each language"):
        language_files(tmp_path, "test")


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ((), "found no file test-LANG.tsv; expected"),
        (
            ("dev-en.tsv", "dev-de.tsv", "train-en.tsv", "notes.tsv"),
            "no file test-LANG.tsv, but files of the splits dev, train;",
        ),
        (("test.tsv", "notes.txt"), "found no file test-LANG.tsv; expected one for each language, such as test-en.tsv. Check"),
    ],
)
def test_a_folder_without_the_split_is_refused(names: tuple[str, ...], says: str, tmp_path: Path) -> None:
    with pytest.raises(ExamplesError) as error:
        language_files(_touch(tmp_path, *names), "test")
    assert says in str(error.value)
    assert str(tmp_path) in str(error.value)


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    _touch(tmp_path, "file")
    for name, says in (("nothing", "No such file or directory"), ("file", "Not a directory")):
        with pytest.raises(ExamplesError, match=f"{tmp_path / name}: found {says}; expected a folder. Check --test-dir"):
            language_files(tmp_path / name, "test")
