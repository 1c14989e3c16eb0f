"""`xlt-augment synonyms build`: the whole way from files to a set, as a user calls it."""

import gzip
import json
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.command import SCRIPTS, Outcome, run_command, run_here
from tests.counterfit.toy import GROUPS, RUSSIAN, RUSSIAN_ANTONYMS, write_toy
from tests.small_wordnet import write_wordnet
from xlt_augment import SynonymSet
from xlt_augment.vectors.read import read_vectors

FILES = ("--vectors", "vectors.txt", "--synonym-pairs", "synonyms.txt", "--antonym-pairs", "antonyms.txt", "--k", "3")
RATINGS = "movie\tfilm\t9\nmovie\tgood\t2\ngood\tbad\t1\nquick\tfast\t8\nstreet\tlane\t7\n"


@pytest.fixture
def toy(clean_folder: Path) -> Path:
    write_toy(clean_folder)
    return clean_folder


def build(capsys: pytest.CaptureFixture[str], *args: object) -> Outcome:
    return run_here(capsys, "synonyms", "build", *args)


def made(capsys: pytest.CaptureFixture[str], *args: object) -> dict[str, Any]:
    done = build(capsys, *FILES, *args, "--json")
    assert done.code == 0, done.err
    return dict(json.loads(done.out))


def names(path: str | Path, word: str) -> set[str]:
    found = SynonymSet.load(path)
    return {n.word for n in found.neighbors(word)} if word in found else set()


def test_synonyms_come_near_and_antonyms_apart(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = build(capsys, *FILES, "--out", "toy.arrow", "--threshold", "0.15")
    assert done.code == 0, done.err
    assert names("toy.arrow", "movie") == {"film", "picture"}
    for good, bad in (("good fine nice", "bad poor awful"), ("bad poor awful", "good fine nice")):
        near = set().union(*(names("toy.arrow", word) for word in good.split()))
        assert near <= set(good.split())
        assert len(near) > 1
        assert near.isdisjoint(bad.split())
    facts = SynonymSet.load("toy.arrow").made
    assert facts["pairs_with_cosine_above_half"]["antonyms_before"] == 1.0
    assert facts["pairs_with_cosine_above_half"]["antonyms_after"] == 0.0
    terms = facts["counter_fit"]["terms"]
    assert len(terms) == 21
    assert (terms[0]["vsp"], terms[-1]["ar"] < terms[0]["ar"], terms[-1]["sa"] < terms[0]["sa"]) == (0, True, True)
    steps = [line for line in done.err.splitlines() if line.startswith("step")]
    assert len(steps) == 21
    assert "AR" in steps[0]
    assert sorted(p.name for p in toy.iterdir()) == ["antonyms.txt", "synonyms.txt", "toy.arrow", "vectors.txt"]


def test_without_pairs_antonyms_stay_neighbors_and_a_note_says_so(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = build(capsys, "--vectors", "vectors.txt", "--out", "plain.arrow", "--threshold", "0.3")
    assert "no pairs given" in done.err
    assert names("plain.arrow", "good") & {"bad", "poor", "awful"}


def test_the_same_set_twice_and_with_any_threads(toy: Path) -> None:
    hashes = set()
    for number, threads in enumerate((1, 2, 2)):
        done = run_command("xlt-augment", "synonyms", "build", *FILES, "--out", f"{number}.arrow", "--num-proc", threads)
        assert done.code == 0, done.err
        hashes.add(SynonymSet.load(f"{number}.arrow").sha256)
    assert len(hashes) == 1
    assert len({Path(f"{number}.arrow").read_bytes() for number in range(3)}) == 1


def test_the_metadata_is_enough_to_build_it_again(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = (
        "--threshold",
        "0.35",
        "--steps",
        "7",
        "--rho",
        "0.3",
        "--mutual",
        "--keep-numbers",
        "--delta",
        "0.9",
        "--k1",
        "0.2",
    )
    assert build(capsys, *FILES, *settings, "--out", "one.arrow").code == 0
    facts = json.loads(run_here(capsys, "synonyms", "info", "one.arrow", "--json").out)["made"]
    options: list[object] = ["--vectors", facts["vectors"]["name"], "--language", facts["language"]]
    for kind in ("synonym", "antonym"):
        for entry in facts["constraints"][f"{kind}s"]:
            options += [f"--{kind}-pairs", entry["name"]]
    for group in ("counter_fit", "neighbors"):
        for name, value in facts[group].items():
            if name not in ("terms", "vsp_pairs", "tolerance") and value is not None:
                options += [f"--{name}", value]
    for name, value in facts["filters"].items():
        if name == "max_rank":
            options += ["--max-rank", value or 0]
        elif name in ("one_word", "mutual", "agreement"):
            on, off = {"one_word": ("--one-word", "--any-token"), "mutual": ("--mutual", "--one-way")}.get(
                name, ("--agreement", "--no-agreement")
            )
            options.append(on if value else off)
        elif isinstance(value, bool):
            options.append(f"--{'drop' if value else 'keep'}-{name.replace('_', '-')}")
    done = build(capsys, *options, "--out", "two.arrow")
    assert done.code == 0, done.err
    assert SynonymSet.load("one.arrow").sha256 == SynonymSet.load("two.arrow").sha256
    assert build(capsys, *FILES, "--out", "three.arrow").code == 0
    assert SynonymSet.load("three.arrow").sha256 != SynonymSet.load("one.arrow").sha256


def test_each_filter_counts_what_it_removed(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    removed = made(capsys, "--threshold", "0.3")["made"]["filters"]["counts"]["words"]["removed"]
    assert removed == {"one_word": 0, "max_rank": 0, "numbers": 2, "function_words": 1, "foreign": 1}  # 42 and x, the, два
    kept = made(capsys, "--threshold", "0.3", "--keep-numbers", "--keep-foreign", "--keep-function-words", "--out", "all.arrow")
    assert "numbers" not in kept["made"]["filters"]["counts"]["words"]["removed"]
    assert {"the", "42"} <= {word for word, row in SynonymSet.load("all.arrow").to_mapping().items() if row}
    few = made(capsys, "--max-rank", "6", "--out", "few.arrow")
    assert few["made"]["filters"]["counts"]["words"]["searched"] == 6
    Path("words.txt").write_text("movie film good bad fine poor\n")
    listed = made(capsys, "--word-list", "words.txt", "--out", "listed.arrow")
    assert set(SynonymSet.load("listed.arrow").to_mapping()) <= {"movie", "film", "good", "bad", "fine", "poor"}
    assert listed["made"]["filters"]["lexicon"]["words"]["words"] == 6
    Path("closed.txt").write_text("movie\n")
    assert "movie" not in SynonymSet.load(made(capsys, "--function-word-list", "closed.txt", "--out", "c.arrow")["path"])


def test_a_russian_set_is_built_by_the_same_command(clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_toy(clean_folder, RUSSIAN, RUSSIAN_ANTONYMS)
    found = made(capsys, "--language", "ru", "--threshold", "0.3", "--out", "ru.arrow")
    assert names("ru.arrow", "фильм") == {"кино", "картина"}
    assert names("ru.arrow", "хороший") == {"славный", "добрый"}
    assert found["made"]["language"] == "ru"
    assert found["made"]["filters"]["lexicon"]["lemmas"] == "Snowball, russian"
    assert {"the", "два"}.isdisjoint(SynonymSet.load("ru.arrow").to_mapping())
    Path("ru.tsv").write_text("Кино было хороший фильм .\tдорога\t1\n", encoding="utf-8")
    assert run_here(capsys, "build", "ru.tsv", "--synonyms", "ru.arrow", "--p", "1", "--m", "2", "--out", "ru-2").code == 0


def test_wordnet_gives_pairs_lemmas_and_agreement(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_wordnet(toy / "wordnet")
    done = build(
        capsys, "--vectors", "vectors.txt", "--wordnet-dir", "wordnet", "--agreement", "--threshold", "0.5", "--k", "3"
    )
    assert done.code == 0, done.err
    target = next(toy.glob("vectors-*.arrow"))
    assert "film" in names(target, "movie")
    assert "bad" not in names(target, "good")
    facts = SynonymSet.load(target).made
    assert facts["constraints"]["synonyms"][0]["name"] == "WordNet"
    assert facts["filters"]["lexicon"]["words"] == "WordNet"


def test_the_ratings_are_kept_before_and_after(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("ratings.txt").write_text("# a test\n# Word 1\tWord 2\tHuman (mean)\n" + RATINGS)
    done = build(capsys, *FILES, "--evaluate", "ratings.txt", "--out", "rated.arrow")
    assert "Spearman" in done.out
    facts = json.loads(run_here(capsys, "synonyms", "info", "rated.arrow", "--json").out)
    assert facts["similarity_before"]["ratings.txt"]["pairs"] == 5
    assert facts["similarity_after"]["ratings.txt"]["rho"] > facts["similarity_before"]["ratings.txt"]["rho"]


def test_the_fitted_vectors_can_be_kept(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(capsys, *FILES, "--save-vectors", "fitted.bin", "--out", "a.arrow").code == 0
    fitted = read_vectors("fitted.bin")
    assert fitted.words == read_vectors("vectors.txt").words
    good, bad = (fitted.matrix[fitted.index[word]] for word in ("good", "bad"))
    before = read_vectors("vectors.txt").matrix
    cosine = float(before[3] @ before[6]) / float((before[3] @ before[3]) ** 0.5 * (before[6] @ before[6]) ** 0.5)
    assert float(good @ bad) < cosine - 0.2
    again = build(capsys, *FILES, "--save-vectors", "fitted.bin", "--out", "b.arrow")
    assert (again.code, Path("b.arrow").exists()) == (1, False)


def test_the_default_name_holds_the_hash_and_is_taken_as_it_is(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(capsys, *FILES).code == 0
    path = next(toy.glob("vectors-*.arrow"))
    assert SynonymSet.load(path).sha256.startswith(path.stem.removeprefix("vectors-"))
    assert "this very set" in build(capsys, *FILES).err
    path.write_bytes(b"something else")
    assert build(capsys, *FILES).code == 1
    assert path.read_bytes() == b"something else"
    assert build(capsys, *FILES, "--overwrite").code == 0


def test_any_form_of_a_set_serves_a_build(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(capsys, *FILES, "--out", "toy.arrow").code == 0
    assert run_here(capsys, "synonyms", "export", "toy.arrow", "toy.json").code == 0
    Path("t.tsv").write_text("the movie was good .\ta quick film .\t1\n")
    hashes = set()
    for number, name in enumerate(("toy.arrow", "toy.json")):
        done = run_here(capsys, "build", "t.tsv", "--synonyms", name, "--p", "1", "--m", "2", "--out", f"d{number}", "--json")
        hashes.add(json.loads(done.out)["logical_hash"])
    assert len(hashes) == 1
    assert run_here(capsys, "build", "t.tsv", "--synonyms", "default", "--m", "1", "--out", "d3").code == 0


BAD = [
    (["--vectors", "none.txt"], 1, "none.txt"),
    (["--vectors", "ragged.txt"], 1, "ragged.txt:2"),
    (["--vectors", "nan.txt"], 1, "nan.txt:1"),
    (["--vectors", "cut.txt.gz"], 1, "cut.txt.gz"),
    (["--synonym-pairs", "empty.txt"], 1, "empty.txt"),
    (["--antonym-pairs", "three.txt"], 1, "three.txt:1"),
    (["--threshold", "0.0000001", "--steps", "0"], 1, "Raise --threshold"),
    (["--k", "500"], 1, "--k"),
    (["--threshold", "0"], 2, "threshold"),
    (["--threshold", "3"], 2, "threshold"),
    (["--delta", "-1"], 2, "delta"),
    (["--rho", "nan"], 2, "rho"),
    (["--candidates", "2"], 2, "candidates"),
    (["--agreement"], 2, "--wordnet"),
    (["--wordnet-dir", "."], 1, "--wordnet-dir"),
    (["--evaluate", "empty.txt"], 1, "empty.txt"),
    (["--vocabulary", "empty.txt"], 1, "empty.txt"),
    (["--word-list", "empty.txt"], 1, "empty.txt"),
    (["--function-word-list", "none.txt"], 1, "none.txt"),
    (["--out", "toy.json"], 2, ".arrow"),
    (["--save-vectors", "vectors.npy"], 2, ".bin"),
    (["--out", "missing/toy.arrow"], 1, "missing"),
    (["--metric", "manhattan"], 2, "manhattan"),
    (["--save-vectors", "vectors.txt", "--overwrite"], 2, "one of the inputs"),
    (["--out", "folder.arrow"], 1, "a folder"),
    (["--language", "English"], 2, "--language"),
    (["--wordnet-dir", "wordnet", "--language", "de"], 2, "--wordnet"),
    (["--share", "7"], 2, "--share"),
    (["--wordnet-dir", "wordnet", "--share", "7"], 2, "--share"),
    (["--wordnet-dir", "wordnet", "--share", "nan"], 2, "--share"),
    (["--senses", "3"], 2, "--wordnet"),
    (["--no-inflect"], 2, "--wordnet"),
    (["--share", "nan"], 2, "--share"),
    (["--rarity", "nan"], 2, "--rarity"),
    (["--member", "x.txt"], None, "member"),
]


@pytest.mark.parametrize(
    ("options", "code", "named"), BAD, ids=lambda value: " ".join(value) if isinstance(value, list) else None
)
def test_bad_input_is_one_line_that_names_it_and_leaves_nothing(
    options: list[str], code: int | None, named: str, toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *others = Path("vectors.txt").read_text(encoding="utf-8").splitlines()
    Path("ragged.txt").write_text("\n".join([first, others[0].rpartition(" ")[0], *others[1:]]) + "\n", encoding="utf-8")
    Path("nan.txt").write_text("\n".join([first.rpartition(" ")[0] + " nan", *others]) + "\n", encoding="utf-8")
    Path("cut.txt.gz").write_bytes(gzip.compress(Path("vectors.txt").read_bytes())[:-200])
    Path("empty.txt").write_text("")
    Path("three.txt").write_text("good bad worse\n")
    Path("folder.arrow").mkdir()
    write_wordnet(toy / "wordnet")
    before = sorted(p.name for p in toy.iterdir())
    done = build(capsys, *FILES, *options)
    assert done.code == code if code is not None else done.code in (1, 2)
    errors = [line for line in done.err.splitlines() if not line.startswith(("step", "note"))]
    assert len(errors) == 1, done.err
    assert errors[0].startswith("xlt-augment: ")
    assert named in errors[0]
    assert sorted(p.name for p in toy.iterdir()) == before


def many_vectors(folder: Path) -> None:
    """Large enough that there is time to interrupt."""
    chance = np.random.default_rng(0)
    rows = (f"word{k} " + " ".join(f"{x:.4f}" for x in chance.normal(size=50)) for k in range(12_000))
    (folder / "many.txt").write_text("\n".join(rows) + "\n")
    (folder / "pairs.txt").write_text("".join(f"word{k} word{k + 1}\n" for k in range(0, 11_000, 2)))


def test_ctrl_c_leaves_nothing(toy: Path) -> None:
    many_vectors(toy)
    before = sorted(p.name for p in toy.iterdir())
    command = [SCRIPTS / "xlt-augment", "synonyms", "build", "--vectors", "many.txt", "--synonym-pairs", "pairs.txt"]
    with subprocess.Popen([*command, "--steps", "100000", "--out", "many.arrow"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("step   3"):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert rest.splitlines()[-1] == "xlt-augment: interrupted; nothing half-written was left behind"
    assert sorted(p.name for p in toy.iterdir()) == before


def test_a_full_disk_leaves_nothing(toy: Path) -> None:
    before = sorted(p.name for p in toy.iterdir())
    limited = f"ulimit -f 1; exec {shlex.quote(str(SCRIPTS / 'xlt-augment'))} synonyms build {' '.join(FILES)} --out t.arrow"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "writing t.arrow: found" in done.stderr.splitlines()[-1]
    assert sorted(p.name for p in toy.iterdir()) == before


def test_words_without_vectors_are_counted(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("more.txt").write_text("movie flick\nzzz yyy\nmovie film\n")
    found = made(capsys, "--synonym-pairs", "more.txt")["made"]["constraints"]["synonyms"][1]
    assert (found["pairs"], found["used"], found["pairs_outside"], found["words_outside"]) == (3, 1, 2, 3)


def test_what_was_not_used_or_is_not_known_is_said(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("prefixed.txt").write_text("en_good en_nice\n")
    done = build(capsys, *FILES, "--synonym-pairs", "prefixed.txt", "--language", "xx", "--out", "xx.arrow")
    assert done.code == 0
    assert "no pair of prefixed.txt" in done.err
    assert "nothing is known of the function words (--function-word-list), words for numbers, lemmas" in done.err


def test_ratings_of_one_name_are_told_apart(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in (("a", RATINGS), ("b", RATINGS.replace("9", "1"))):
        Path(name).mkdir()
        Path(f"{name}/r.txt").write_text(text)
    found = made(capsys, "--evaluate", "a/r.txt", "--evaluate", "b/r.txt")["made"]["similarity_after"]
    assert sorted(found) == ["a/r.txt", "b/r.txt"]
    assert found["a/r.txt"]["sha256"] != found["b/r.txt"]["sha256"]


def test_the_default_distance_fits_the_metric(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cosine, euclidean = (made(capsys, "--metric", m, "--out", f"{m}.arrow")["made"] for m in ("cosine", "euclidean"))
    assert (cosine["neighbors"]["threshold"], euclidean["neighbors"]["threshold"]) == (0.2, 0.632)
    near = [facts["filters"]["counts"]["pairs"]["near"] for facts in (cosine, euclidean)]
    assert abs(near[0] - near[1]) <= 2  # 0.632 is a little less than the root of 0.4


def test_a_recorded_digest_is_checked(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("vectors.txt.sha256").write_text("0" * 64 + "  vectors.txt\n")
    done = build(capsys, *FILES)
    assert done.code == 1
    assert "as recorded in vectors.txt.sha256" in done.err


def test_lower_casing_meets_the_pairs(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = Path("vectors.txt").read_text(encoding="utf-8")
    Path("vectors.txt").write_text(text.replace("movie ", "Movie ").replace("film ", "FILM "), encoding="utf-8")
    Path("synonyms.txt").write_text("Movie FILM\n")
    made(capsys, "--lower", "--out", "low.arrow")
    assert "film" in names("low.arrow", "movie")


def test_groups_of_the_toy_are_what_the_tests_expect() -> None:
    assert len({word for group in GROUPS for word in group.split()}) == 17


def test_real_vectors_and_pairs(shared_data: Path, clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gensim_data = Path(__import__("gensim").__file__).parent / "test" / "test_data"
    pairs = shared_data / "constraints"
    done = build(
        capsys, "--vectors", shared_data / "vectors" / "english-20k-100d.txt.gz", "--json", "--out", "english.arrow",
        "--synonym-pairs", pairs / "ppdb_synonyms.txt", "--antonym-pairs", pairs / "ppdb_antonyms.txt",
        "--antonym-pairs", pairs / "wordnet_antonyms.txt",
        "--evaluate", gensim_data / "simlex999.txt", "--evaluate", gensim_data / "wordsim353.tsv",
    )  # fmt: skip
    assert done.code == 0, done.err
    facts = json.loads(done.out)["made"]
    shares = facts["pairs_with_cosine_above_half"]
    assert shares["antonyms_before"] > 0.4
    assert shares["antonyms_after"] < 0.02
    assert shares["synonyms_after"] > 0.99
    assert facts["similarity_after"]["simlex999.txt"]["rho"] > facts["similarity_before"]["simlex999.txt"]["rho"] + 0.1
    found = SynonymSet.load("english.arrow")
    lines = [line for name in ("ppdb_antonyms.txt", "wordnet_antonyms.txt") for line in (pairs / name).read_text().splitlines()]
    antonyms = {frozenset(line.split()) for line in lines}
    for word, rows in found.to_mapping().items():
        assert not [n for n in rows if frozenset((word, n)) in antonyms]
    assert names("english.arrow", "movie") >= {"film"}
    assert names("english.arrow", "good") >= {"decent", "nice"}
    assert names("english.arrow", "quick") >= {"rapid", "swift", "speedy"}
    assert names("english.arrow", "happy") >= {"joyful", "glad", "cheerful"}
    assert "good" in found
    assert "by" not in found
