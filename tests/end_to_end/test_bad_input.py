"""Every bad input gets one line that names place and remedy, the right exit code, and leaves nothing behind."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.command import SCRIPTS, run_here
from xlt_augment import verify


class Case(NamedTuple):
    """A file, the options beside it, and what the one line must say."""

    name: str
    file: str
    content: bytes
    options: tuple[str, ...]
    code: int
    says: tuple[str, ...]


GOOD = b"a good movie\ta fine film\t1\nbad movie\tgood film\t0\n"
BAD_FILES = [
    Case("too few fields", "a.tsv", GOOD + b"only one field\n", (), 1, ("a.tsv:3", "1 field", "expected 3", "separator")),
    Case("too many fields", "a.tsv", b"a\tb\t1\tc\n" + GOOD, ("--columns", "a,b,label"), 1, ("a.tsv:1", "4 fields")),
    Case("four fields, no names", "a.tsv", b"a\tb\t1\tc\n", (), 1, ("a.tsv:1", "--columns")),
    Case("blank line", "a.tsv", GOOD + b"\n" + GOOD, (), 1, ("a.tsv:3", "blank line", "Remove")),
    Case("blank last line", "a.tsv", GOOD + b"\n", (), 1, ("a.tsv:3", "blank line")),
    Case("blank line, CRLF", "a.tsv", GOOD.replace(b"\n", b"\r\n") + b"\r\n", (), 1, ("a.tsv:3", "blank line")),
    Case("blank line in CSV", "a.csv", b"text,label\ngood,1\n\nbad,0\n", (), 1, ("a.csv:3", "blank line")),
    Case("invalid UTF-8", "a.tsv", GOOD + b"caf\xe9\tx\t1\n", (), 1, ("a.tsv:3", "0xe9", "UTF-8")),
    Case("invalid UTF-8 in JSONL", "a.jsonl", b'{"text": "a"}\n{"text": "\xff"}\n', (), 1, ("a.jsonl:2", "0xff")),
    Case("UTF-16", "a.tsv", GOOD.decode().encode("utf-16"), (), 1, ("a.tsv:1", "NUL", "UTF-16")),
    Case("NUL byte", "a.tsv", GOOD + b"a\0b\tx\t1\n", (), 1, ("a.tsv:3", "NUL byte")),
    Case("empty file", "a.tsv", b"", (), 1, ("a.tsv", "no row")),
    Case("empty CSV", "a.csv", b"", (), 1, ("a.csv", "no row")),
    Case("empty JSONL", "a.jsonl", b"", (), 1, ("a.jsonl", "no row")),
    Case("header alone", "a.tsv", b"sentence1\tsentence2\tlabel\n", (), 1, ("a.tsv", "no row")),
    Case("CSV header alone", "a.csv", b"text,label\n", (), 1, ("a.csv", "no row")),
    Case("undeclared label", "a.tsv", GOOD, ("--labels", "1,2"), 1, ("a.tsv:2", "'0'", "one of 1, 2")),
    Case("empty label", "a.tsv", GOOD + b"a\tb\t\n", (), 1, ("a.tsv:3", "no label")),
    Case("missing column", "a.csv", b"text,label\na,1\n", ("--text-columns", "txt"), 2, ("no column 'txt'", "text, label")),
    Case("missing label column", "a.csv", b"text\na\n", ("--label-column", "gold"), 2, ("no column 'gold'", "one of text")),
    Case("no usual column", "a.csv", b"foo,bar\na,1\n", (), 2, ("foo, bar", "--text-columns")),
    Case("column of ours", "a.csv", b"text,variant\na,1\n", (), 1, ("'variant'", "Rename")),
    Case("second label", "a.csv", b"text,gold,label\na,1,2\n", ("--label-column", "gold"), 1, ("'label'", "Rename")),
    Case("repeated column", "a.csv", b"text,text\na,b\n", (), 1, ("a.csv:1", "'text' twice")),
    Case("unnamed column", "a.csv", b"text,\na,b\n", (), 1, ("a.csv:1", "an empty name")),
    Case("ragged CSV", "a.csv", b'text,label\n"a\nb",1\nc\n', (), 1, ("a.csv:4", "1 field")),
    Case("open quote", "a.csv", b'text,label\n"a,1\n', (), 1, ("a.csv:2", "no CSV")),
    Case("text after quote", "a.csv", b'text,label\n"a"b,1\n', (), 1, ("a.csv:2", "no CSV")),
    Case("no JSON", "a.jsonl", b'{"text": "a"}\n{"text": \n', (), 1, ("a.jsonl:2", "no JSON")),
    Case("JSON list", "a.jsonl", b'["a"]\n', (), 1, ("a.jsonl:1", "JSON list")),
    Case("missing key", "a.jsonl", b'{"text": "a"}\n{"txt": "a"}\n', (), 1, ("a.jsonl:2", "no value", "'text'")),
    Case("mixed types", "a.jsonl", b'{"text": "a", "n": 1}\n{"text": "a", "n": "x"}\n', (), 1, ("a.jsonl:2", "one type")),
    Case("lone surrogate", "a.jsonl", b'{"text": "a"}\n{"text": "\\ud800"}\n', (), 1, ("a.jsonl:2", "UTF-8")),
    Case("numbers as text", "a.tsv", b"good movie\t1\nbad movie\t0\n", (), 1, ("a.tsv:1", "numbers alone", "--columns")),
    Case(
        "an unknown header",
        "a.tsv",
        b"first\tsecond\tgold\n" + GOOD * 3,
        (),
        1,
        ("a.tsv:1", "gold", "--header", "--no-header"),
    ),
    Case("float labels", "a.jsonl", b'{"text": "a", "label": 0.5}\n', (), 1, ("a.jsonl:1", "double", "--label-column")),
    Case("no Parquet", "a.parquet", b"PAR1 nonsense", (), 1, ("a.parquet",)),
    Case("truncated gzip", "a.tsv.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\0", (), 1, ("a.tsv.gz",)),
    Case("unknown ending", "a.xlsx", b"PK", (), 1, (".xlsx", ".tsv, .csv")),
]
BAD_OPTIONS = [
    (("--p", "1.5"), 2, ("1.5", "uniform")),
    (("--p", "half"), 2, ("half",)),
    (("--p", "nan"), 2, ("nan",)),
    (("--m", "0"), 2, ("--m", "0")),
    (("--m", "32768"), 2, ("32767",)),
    (("--seed", "-1"), 2, ("--seed",)),
    (("--nonsense",), 2, ("--nonsense", "--help")),
    (("--words", "letters"), 2, ("span", "space")),
    (("--method", "swap", "--p", "uniform"), 2, ("uniform", "swap")),
    (("--method", "swap", "--case", "any"), 2, ("--case", "swap")),
    (("--method", "swap", "--synonyms", "default"), 2, ("--synonyms", "swap")),
    (("--method", "swap", "--preset", "emnlp"), 2, ("--preset", "swap")),
    (("--header", "--columns", "a,b,c"), 2, ("--columns", "--header")),
    (("--columns", "a,a,b"), 2, ("'a' twice",)),
    (("--labels", "1,1"), 2, ("--labels", "twice")),
    (("--labels", "0,1", "--label-column", ""), 2, ("--labels", "--label-column")),
    (("--protect", "re:(") , 2, ("re:(", "RE2")),
    (("--max-shard-size", "big"), 2, ("big", "500MB")),
    (("--num-proc", "0"), 2, ("--num-proc",)),
    (("--synonyms", "nothing"), 1, ("nothing", "default")),
    (("--out", "/proc/xlt/out"), 1, ("/proc/xlt/out",)),
]  # fmt: skip


def _names() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def assert_refused(outcome: tuple[int, str, str], code: int, says: tuple[str, ...]) -> None:
    """One line on standard error with all of `says`, nothing on standard output, the exit code."""
    found, out, err = outcome
    assert found == code, err
    assert out == ""
    assert err.startswith("xlt-augment: ")
    assert err.count("\n") == 1
    for part in says:
        assert part in err
    assert "Traceback" not in err


@pytest.mark.parametrize("case", BAD_FILES, ids=lambda case: case.name)
def test_a_bad_file_is_refused(case: Case, clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clean_folder / case.file).write_bytes(case.content)
    outcome = run_here(capsys, "build", case.file, "--m", 2, *case.options)
    assert_refused(outcome, case.code, case.says)
    assert _names() == [case.file]


@pytest.mark.parametrize(
    ("options", "code", "says"), BAD_OPTIONS, ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else ""
)
def test_a_bad_option_is_refused(
    options: tuple[str, ...],
    code: int,
    says: tuple[str, ...],
    small_tsv: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    small_tsv()
    assert_refused(run_here(capsys, "build", "corpus.tsv", *options), code, says)
    assert _names() == ["corpus.tsv"]


def test_a_bad_command_line_is_refused(clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for args in (["nonsense"], ["build", "missing.tsv"], ["build", "*.tsv"], ["build", "."], ["verify"], ["inspect", "nothing"],
                 ["verify", "."], ["synonyms", "lookup", "qwertz"], ["synonyms", "info", "x.arrow"],
                 ["synonyms", "import", "x.json", "y.txt"]):  # fmt: skip
        outcome = run_here(capsys, *args)
        assert outcome.code in (1, 2)
        assert_refused(outcome, outcome.code, ())


def test_parquet_rows_are_named(clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pq.write_table(pa.table({"text": ["a", None], "label": [0, 1]}), "a.parquet")
    assert_refused(run_here(capsys, "build", "a.parquet"), 1, ("a.parquet row 1", "no value", "'text'"))
    pq.write_table(pa.table({"text": ["a", "b"], "label": [0, None]}), "b.parquet")
    assert_refused(run_here(capsys, "build", "b.parquet"), 1, ("b.parquet row 1", "no label"))
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), "c.parquet")
    assert_refused(run_here(capsys, "build", "c.parquet"), 1, ("c.parquet", "no row"))
    pq.write_table(pa.table({"text": ["a", "b"], "label": [0, 1]}), "a.parquet")
    pq.write_table(pa.table({"text": ["a", "b"], "label": ["0", "1"]}), "b.parquet")
    assert_refused(run_here(capsys, "build", "[ab].parquet"), 1, ("b.parquet", "label: string", "label: int64", "a.parquet"))


def test_files_of_other_layouts_are_not_mixed(small_tsv: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    small_tsv(name="a.tsv")
    small_tsv("a\tb", name="b.tsv")
    assert_refused(run_here(capsys, "build", "*.tsv"), 1, ("b.tsv", "sentence1, sentence2, label"))
    Path("c.csv").write_text("text\na\n")
    assert_refused(run_here(capsys, "build", "?.*"), 1, ("several kinds",))


BAD_SETS = [
    ("s.json", b'{"a": ["b"], "a": ["c"]}', "'a' twice"),
    ("s.json", b'["a"]', "JSON list"),
    ("s.json", b'{"a": "b"}', "neighbors of 'a'"),
    ("s.json", b'{"a": [1]}', "neighbors of 'a'"),
    ("s.json", b'{"a": [""]}', "the neighbor ''"),
    ("s.json", b'{"a": ["b\\nc"]}', "line break"),
    ("s.json", b'{"a": ["\\ud800"]}', "surrogate"),
    ("s.json", b'{"": ["b"]}', "the word ''"),
    ("s.json", b"{}", "no word"),
    ("s.json", b'{"a": [\n"b"', "line 2"),
    ("s.json", b"\xff", "no readable JSON"),
    ("s.arrow", b"ARROW1", "no readable synonym set"),
    ("s.arrow", b"", "no readable synonym set"),
    ("s.txt", b"\xff", "no readable text"),
    ("s.txt", b"", "no word"),
    ("s.bin", b"x", ".arrow, .json, .txt"),
]


@pytest.mark.parametrize(("name", "content", "says"), BAD_SETS)
def test_a_bad_synonym_set_is_refused(
    name: str, content: bytes, says: str, small_tsv: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    small_tsv()
    Path(name).write_bytes(content)
    assert_refused(run_here(capsys, "build", "corpus.tsv", "--synonyms", name), 1, (name, says))
    assert _names() == ["corpus.tsv", name]


def test_an_existing_output_is_kept(small_tsv: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    small_tsv()
    Path("mine").mkdir()
    Path("mine/thesis.tex").write_text("years of work")
    assert_refused(run_here(capsys, "build", "corpus.tsv", "--out", "mine"), 1, ("mine", "--overwrite"))
    assert_refused(run_here(capsys, "build", "corpus.tsv", "--out", "mine", "--overwrite"), 1, ("mine", "no dataset"))
    assert Path("mine/thesis.tex").read_text() == "years of work"
    assert _names() == ["corpus.tsv", "mine"]


def test_a_swapped_in_file_is_noticed(small_tsv: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from xlt_augment import Swap
    from xlt_augment.errors import SourceError
    from xlt_augment.materialize.build import plan_build, run_build

    path = small_tsv()
    held = plan_build(path, Swap(), m=2, out="held")
    monkeypatch.setattr("xlt_augment.materialize.corpus._HELD_BYTES", 0)  # a large source is read twice
    plan = plan_build(path, Swap(), m=2, out="new")
    path.write_bytes(GOOD)
    with pytest.raises(SourceError, match="another content"):
        run_build(plan)
    assert _names() == ["corpus.tsv"]
    assert run_build(held).manifest.source["sha256"] == plan.corpus.sha256  # what was checked is what is built


def test_errors_can_be_read_by_programs(small_tsv: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    small_tsv("a\tb\n")
    outcome = run_here(capsys, "build", "corpus.tsv", "--json")
    assert outcome.out == ""
    small_tsv()
    facts = json.loads(run_here(capsys, "build", "corpus.tsv", "--json").out)
    assert Path(facts["path"]).is_dir()


@pytest.mark.parametrize(
    ("redirection", "code", "says"),
    [(">&-", 0, ""), (">/dev/full", 1, "No space left"), ("| true", 1, ""), (">&- 2>&-", 0, "")],
)
def test_an_output_that_takes_nothing(redirection: str, code: int, says: str, small_tsv: Callable[..., Path]) -> None:
    small_tsv()
    command = f"set -o pipefail; {SCRIPTS / 'xlt-augment'} build corpus.tsv --out out {redirection}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert verify("out").manifest.rows == 55


def test_repeated_name_options_add_up(small_tsv: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    small_tsv()
    options = ["--text-columns", "sentence1", "--text-columns", "sentence2", "--labels", "1", "--labels", "0"]
    facts = json.loads(run_here(capsys, "build", "corpus.tsv", *options, "--json").out)
    assert facts["recipe"]["text_columns"] == ["sentence1", "sentence2"]
    assert facts["source"]["label_names"] == ["1", "0"]
