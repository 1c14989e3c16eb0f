"""The commands on synonym sets, from a clean folder: what they print, write, refuse and leave behind."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from tests.command import Outcome, run_here
from xlt_augment import SynonymSet
from xlt_augment.synonyms import files

SMALL = {"good": ["fine", "bad"], "bad": ["poor", "good"], "fine": ["good"], "br": []}


@pytest.fixture
def desk(clean_folder: Path) -> Path:
    """A working folder with a set in it, in both forms, and a file of pairs."""
    Path("small.json").write_text(json.dumps(SMALL), encoding="utf-8")
    SynonymSet.from_json("small.json").save("small.arrow")
    Path("vetoes.txt").write_text("# never\nbad good\nmovie film\n", encoding="utf-8")
    return clean_folder


def _run(capsys: pytest.CaptureFixture[str], *args: object) -> Outcome:
    outcome = run_here(capsys, "synonyms", *args)
    assert (outcome.code, outcome.err) == (0, ""), outcome.err
    return outcome


def _refused(outcome: Outcome, code: int, *says: str) -> None:
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.startswith("xlt-augment: ")
    assert outcome.err.count("\n") == 1
    for part in says:
        assert part in outcome.err


def test_veto_says_what_it_did(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = _run(
        capsys, "veto", "small.json", "ours.arrow", "--pairs", "vetoes.txt", "--pair", "fine,good", "--pair", "good,fine"
    ).out
    ours = SynonymSet.load("ours.arrow")
    assert out == (
        f"removed 2 pairs (4 neighbors); 1 did not occur in the set\nours.arrow: 4 words, 3 vetoes, sha256 {ours.sha256}\n"
    )
    assert ours.to_mapping() == {"bad": ["poor"], "br": [], "fine": [], "good": []}
    assert ours.vetoes == (("bad", "good"), ("film", "movie"), ("fine", "good"))
    out = _run(capsys, "veto", "ours.arrow", "ours.arrow", "--allow", "good,fine", "--overwrite").out
    assert out.startswith("took 1 pair off the vetoes\nours.arrow: 4 words, 2 vetoes")
    again = SynonymSet.load("ours.arrow")
    assert (again.vetoes, again.to_mapping()) == (ours.vetoes[:2], ours.to_mapping())
    merged = _run(capsys, "merge", "ours.arrow", "small.json", "back.arrow").out
    assert "2 vetoes" in merged
    assert SynonymSet.load("back.arrow").to_mapping() == {"bad": ["poor"], "br": [], "fine": ["good"], "good": ["fine"]}


def test_export_notes_what_json_cannot_hold(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(capsys, "synonyms", "veto", "small.json", "ours.arrow", "--pair", "a,b").code == 0
    outcome = run_here(capsys, "synonyms", "export", "ours.arrow", "ours.json")
    assert outcome.err == "note: the JSON layout holds no vetoes; they stay in the Arrow form\n"
    assert json.loads(Path("ours.json").read_bytes()) == SMALL
    assert run_here(capsys, "synonyms", "export", "small.arrow", "small2.json").err == ""
    assert _run(capsys, "import", "ours.arrow", "copy.arrow")
    assert SynonymSet.load("copy.arrow").sha256 == SynonymSet.load("ours.arrow").sha256 != SynonymSet.load("ours.json").sha256


def test_subsets_of_the_default_set_are_nested(clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, whole = [], SynonymSet.default()
    n = whole.statistics()["words_with_neighbors"]
    for fraction in (0.25, 0.5, 0.75, 1):
        out = _run(capsys, "subset", "default", f"{fraction}.arrow", "--fraction", fraction, "--seed", 1).out
        part = SynonymSet.load(f"{fraction}.arrow")
        assert out == (
            f"kept {round(fraction * n):,} of {n:,} words with neighbors\n"
            f"{fraction}.arrow: {len(part):,} words, {len(part.vetoes)} vetoes, sha256 {part.sha256}\n"
        )
        words.append(set(part.to_mapping()))
    assert words[0] < words[1] < words[2] < words[3]
    assert part.sha256 == whole.sha256
    assert part.made["from"]["sha256"] == whole.sha256


def test_diff_prints_what_changed(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = {"good": ["bad", "fine"], "bad": ["poor"], "fine": ["good"], "great": ["good"]}
    Path("other.json").write_text(json.dumps(other), encoding="utf-8")
    _run(capsys, "veto", "other.json", "other.arrow", "--pair", "x,y")
    one, two = SynonymSet.load("small.json").sha256[:12], SynonymSet.load("other.arrow").sha256[:12]
    summary = (
        "1 word only in A, 1 only in B, 2 changed, 1 the same; neighbors of changed words: 0 added, 1 removed, "
        "1 word reordered, 0 with another distance; vetoes: 1 added, 0 removed\n"
    )
    head = f"A  small.json (4 words, sha256 {one})\nB  other.arrow (4 words, sha256 {two})\n"
    lines = "  bad: removed good\n- br: no neighbor\n  good: now in the order bad, fine\n+ great: good\nveto + x/y\n"
    for limit in ((), ("--limit", "0"), ("--limit", "5")):
        assert _run(capsys, "diff", "small.json", "other.arrow", *limit).out == head + lines + summary
    short = _run(capsys, "diff", "small.json", "other.arrow", "--limit", "1").out
    assert short == head + "  bad: removed good\n... 4 more; --limit 0 shows all\n" + summary
    facts = json.loads(_run(capsys, "diff", "small.json", "other.arrow", "--json", "--limit", "1").out)
    assert (facts["a"]["name"], facts["b"]["sha256"][:12], facts["identical"]) == ("small", two, False)
    assert set(facts["changed"]) == {"bad", "good"}
    assert facts["counts"]["words_reordered"] == 1
    same = _run(capsys, "diff", "small.json", "small.arrow").out
    assert same.endswith("identical: the same words, neighbors, distances and vetoes\n")
    assert json.loads(_run(capsys, "diff", "small.json", "small.arrow", "--json").out)["identical"] is True


MADE = {
    "command": "build",
    "vectors": {"file": "glove.txt.gz", "rows": 20_000},
    "counterfit": {"steps": 20, "log": [{"step": k, "total": 20.0 - k} for k in range(20)]},
    "constraints": [{"file": "a.txt", "pairs": 12}, {"file": "b.txt", "pairs": 3, "options": {"inverse": True}}],
    "filters": {"numbers": {"removed": 17}, "lemmas": 0},
    "files": [f"file{k}" for k in range(30)],
    "similarity_before": {"simlex": 0.291},
    "similarity_after": {"simlex": 0.512},
    "empty": {},
    "note": None,
}


def test_info_reads_well(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    SynonymSet(SynonymSet.load("small.json").table, "x", MADE, [(f"w{k}", "x") for k in range(9)]).save("built.arrow")
    lines = _run(capsys, "info", "built.arrow").out.splitlines()
    text = "\n".join(" ".join(line.split()) for line in lines)
    assert "vetoes w0/x, w1/x, w2/x, w3/x, w4/x, (3 more), w8/x\nsimilarity before\nsimlex 0.291" in text
    assert "log\nstep 0 total 20\n" in text
    assert "step 4 total 16\n(14 more)\nstep 19 total 1\n" in text
    assert "files file0, file1, file2, file3, file4, (24 more), file29" in text
    assert "constraints 2\nfile b.txt\npairs 3\noptions\ninverse yes" in text
    assert "note none" in text
    assert text.count("similarity") == 2
    at = {line.strip().split()[0]: len(line) - len(line.lstrip()) for line in lines}
    assert (at["made"], at["command"], at["counterfit"], at["steps"], at["log"], at["step"]) == (0, 2, 2, 4, 4, 6)
    facts = json.loads(_run(capsys, "info", "built.arrow", "--json").out)
    assert facts["made"] == MADE
    assert (facts["similarity_before"], facts["similarity_after"]) == ({"simlex": 0.291}, {"simlex": 0.512})
    assert facts["vetoes"][0] == ["w0", "x"]
    assert list(facts)[-4:] == ["similarity_before", "similarity_after", "vetoes", "made"]
    plain = json.loads(_run(capsys, "info", "small.json", "--json").out)
    assert plain["vetoes"] == []
    assert "similarity_before" not in plain


def test_lookup_suggests_close_spellings(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _refused(run_here(capsys, "synonyms", "lookup", "movei"), 1, "no such word", "close to it: ", "movie")
    _refused(run_here(capsys, "synonyms", "lookup", "Good", "--synonyms", "small.json"), 1, "close to it: good.")
    outcome = run_here(capsys, "synonyms", "lookup", "zzz", "--synonyms", "small.json")
    _refused(outcome, 1, "no such word", "Check the spelling and the case.")


BAD = [
    (("subset", "small.json", "t.arrow", "--fraction", "0"), 2, ("fraction", "0.0")),
    (("subset", "small.json", "t.arrow", "--fraction", "1.5"), 2, ("1.5",)),
    (("subset", "small.json", "t.arrow", "--fraction", "nan"), 2, ("nan",)),
    (("subset", "small.json", "t.arrow", "--fraction", "half"), 2, ("--fraction",)),
    (("subset", "small.json", "t.arrow", "--fraction", "0.1"), 1, ("none would be left",)),
    (("subset", "small.json", "t.arrow"), 2, ("--fraction",)),
    (("subset", "small.json", "t.arrow", "--fraction", "0.5", "--seed", "-1"), 2, ("--seed",)),
    (("subset", "small.json", "t.json", "--fraction", "0.5"), 2, ("t.json", ".arrow")),
    (("subset", "small.json", "small.arrow", "--fraction", "0.5"), 1, ("small.arrow", "--overwrite")),
    (("subset", "nothing", "t.arrow", "--fraction", "0.5"), 1, ("nothing", "default")),
    (("subset", "small.json", "missing/t.arrow", "--fraction", "0.5"), 1, ("missing/t.arrow",)),
    (("merge", "small.json", "t.arrow"), 2, ("at least two sets",)),
    (("merge", "t.arrow"), 2, ("at least two sets",)),
    (("merge",), 2, ("TARGET",)),
    (("merge", "small.json", "small.arrow", "small.json"), 2, ("small.json", ".arrow")),
    (("merge", "small.json", "default", "small.arrow"), 1, ("small.arrow", "--overwrite")),
    (("merge", "small.json", "nothing.arrow", "t.arrow"), 1, ("nothing.arrow",)),
    (("merge", "small.json", "default", "t.arrow", "--k", "0"), 2, ("--k",)),
    (("diff", "small.json"), 2, ("B",)),
    (("diff", "small.json", "nothing"), 1, ("nothing", "default")),
    (("diff", "small.json", "default", "--limit", "-1"), 2, ("--limit",)),
    (("veto", "small.json", "t.arrow"), 2, ("--pair", "--pairs")),
    (("veto", "small.json", "t.arrow", "--pair", "good"), 2, ("'good'", "good,bad")),
    (("veto", "small.json", "t.arrow", "--pair", "a,b,c"), 2, ("'a,b,c'",)),
    (("veto", "small.json", "t.arrow", "--pair", "a,a"), 2, ("'a,a'",)),
    (("veto", "small.json", "t.arrow", "--pair", "a, "), 2, ("'a, '",)),
    (("veto", "small.json", "t.arrow", "--pairs", "bad.txt"), 1, ("bad.txt:2", "'one two three'")),
    (("veto", "small.json", "t.arrow", "--pairs", "empty.txt"), 1, ("empty.txt", "no pair at all")),
    (("veto", "small.json", "t.arrow", "--pairs", "missing.txt"), 1, ("missing.txt", "No such file")),
    (("veto", "small.json", "t.arrow", "--pairs", "."), 1, ("Is a directory",)),
    (("veto", "small.json", "t.arrow", "--allow", "good,bad"), 1, ("bad and good", "not vetoed")),
    (("veto", "small.json", "t.arrow", "--pair", "good,bad", "--allow", "bad,good"), 2, ("bad,good", "at once")),
    (("veto", "small.json", "t.txt", "--pair", "a,b"), 2, ("t.txt", ".arrow")),
    (("veto", "small.json", "small.arrow", "--pair", "a,b"), 1, ("small.arrow", "--overwrite")),
    (("veto", "small.json", "t.arrow", "--pair", "a\tb,c"), 1, ("line break, tab or NUL",)),
]


@pytest.mark.parametrize(("args", "code", "says"), BAD, ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_bad_input_is_refused_and_leaves_nothing(
    args: tuple[str, ...], code: int, says: tuple[str, ...], desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.txt").write_text("good bad\none two three\n")
    Path("empty.txt").write_text("\n# nothing\n")
    before = {path.name: path.read_bytes() for path in desk.iterdir()}
    _refused(run_here(capsys, "synonyms", *args), code, *says)
    assert {path.name: path.read_bytes() for path in desk.iterdir()} == before


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
def test_a_write_that_fails_leaves_the_old_file_alone(
    error: BaseException, desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in desk.iterdir()}

    class Failing:
        def __init__(self, stream: pa.NativeFile, schema: pa.Schema) -> None:
            stream.write(b"half")
            raise error

    monkeypatch.setattr(pa.ipc, "new_stream", Failing)
    outcome = run_here(capsys, "synonyms", "veto", "small.arrow", "small.arrow", "--pair", "good,bad", "--overwrite")
    assert outcome.code == (1 if isinstance(error, OSError) else 130)
    assert {path.name: path.read_bytes() for path in desk.iterdir()} == before


@pytest.mark.parametrize("ending", [".arrow", ".json", ".txt"])
def test_an_embedded_set_may_have_any_ending(ending: str, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("small.txt").write_text("good fine\nbad poor\n")
    monkeypatch.setitem(files.EMBEDDED, "english-test", f"synonyms/words{ending}")
    monkeypatch.setattr(files, "resource", lambda relative: Path("small" + Path(relative).suffix))
    found = SynonymSet.load("english-test")
    assert found.name == "english-test"
    assert found.sha256 == SynonymSet.load(f"small{ending}").sha256
    monkeypatch.setattr(files, "DEFAULT", "english-test")
    assert SynonymSet.default().sha256 == SynonymSet.load("default").sha256 == found.sha256
