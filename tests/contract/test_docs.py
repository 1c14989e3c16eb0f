"""README and docs are true: every command and every Python block in them runs, every option has an example."""

import gzip
import hashlib
import json
import re
import shlex
import shutil
import sys
import zipfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import click
import datasets
import nltk
import numpy as np
import pytest

from tests.command import forked_python, run_here
from tests.conftest import PROJECT
from tests.contract.command_docs import all_commands, render
from tests.contract.served import SHOWN, example_service, on_any_port, run_curl, serving_once
from tests.counterfit.toy import GROUPS, RUSSIAN, RUSSIAN_ANTONYMS, write_toy
from tests.results.made import judged, made_run
from tests.small_models import save_small_bert
from tests.small_wordnet import write_wordnet
from tests.statistics.simulated import judged as judged_sides
from tests.store.hub_server import DEPRECATED, standing_in
from tests.store.made import finished_run

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
SAMPLES = PROJECT / "data" / "samples" / "paraphrase"
LANGUAGES = ("de", "en", "es", "fr", "ja", "ko", "zh")
pytestmark = [pytest.mark.timeout(600), pytest.mark.filterwarnings(DEPRECATED)]


def blocks(page: Path, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


def shown_lines(page: Path) -> list[str]:
    lines = [line for block in blocks(page, "sh") for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line.startswith(("xlt-", "curl "))]


def shown_commands(page: Path) -> list[list[str]]:
    return [shlex.split(line, comments=True) for line in shown_lines(page) if line.startswith("xlt-")]


def with_small_digest(command: list[str]) -> list[str]:
    """The digest of the official archive, put for that of the small one."""
    return [
        hashlib.sha256(Path("glove.6B.zip").read_bytes()).hexdigest() if re.fullmatch("[0-9a-f]{64}", w) else w for w in command
    ]


def without_cluster(command: list[str]) -> list[str]:
    """The command on this machine alone; tests/engines has a cluster."""
    dropped = {k for k, word in enumerate(command) if word in ("--engine", "--ray-address", "--blocks")}
    return [word for k, word in enumerate(command) if k not in dropped and k - 1 not in dropped]


def brief(command: list[str]) -> list[str]:
    """Fewer steps of nano and fewer rows of PAWS-X than the page shows, which takes minutes."""
    command = on_any_port(without_cluster(command))
    command = ["1500:1540" if word == "1500:2000" else word for word in command]
    if "all" in command and "--rows" not in command:  # of pairs of languages
        command = [*command, "--rows", "0:12"]
    whole = command[:2] == ["xlt-train", "fit"] and "nano" in command and "--max_steps" not in command
    return [*command, *(["--max_steps", "4"] * whole)]


def at_hand(command: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """A folder for the stores that the pages speak of, and what `$(xlt-augment ...)` prints."""
    words = []
    for word in command:
        if inner := re.fullmatch(r"\$\((.*)\)", word):
            word = run_here(capsys, *at_hand(shlex.split(inner[1]), capsys)[1:]).out.strip()
        words.append(str(Path("store").absolute()) if re.match(r"(s3|gs|abfs|sftp)://|/mnt/", word) else word)
    return words


@pytest.fixture
def desk(clean_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with the files that the pages speak of."""
    pairs = [line.split("\t") for line in (SAMPLES / "train-en.tsv").read_text(encoding="utf-8").splitlines()][:60]
    shutil.copy(SAMPLES / "train-en.tsv", "train.tsv")
    lay_out_training(pairs)
    lay_out_synonyms()
    lay_out_seeds()
    monkeypatch.setattr(nltk.data, "path", [str(clean_folder / "nltk_data")])
    monkeypatch.setenv("XLT_STORE", str(clean_folder / "store"))
    monkeypatch.setenv("XLT_CACHE", str(clean_folder / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(clean_folder / "data"))
    Path("tokens.txt").write_text("write abcdefghijklmnop\n")
    Path("tokens.txt").chmod(0o600)
    monkeypatch.setattr(sys, "executable", forked_python())  # in which sweeps run their commands
    Path("polarity.tsv").write_text("".join(f"{a}\t{label}\n" for a, _, label in pairs))
    Path("named.tsv").write_text("id\tquestion\tkind\n" + "".join(f"{k}\t{p[0]}\t{p[2]}\n" for k, p in enumerate(pairs)))
    for name in ("neighbors.json", "published.json"):
        Path(name).write_text(json.dumps({"movie": ["film"], "film": ["movie"], "good": ["fine", "nice"]}))
    Path("shards").mkdir()
    for k in range(2):
        rows = [{"premise": a, "hypothesis": b, "gold": label} for a, b, label in pairs]
        Path(f"shards/{k}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    # A local folder of the Hub's name, with its configuration, stands in for the network.
    hub = Path("nyu-mll/glue")
    hub.mkdir(parents=True)
    rows = {"sentence1": [p[0] for p in pairs], "sentence2": [p[1] for p in pairs], "idx": list(range(60))}
    features = {"label": datasets.ClassLabel(names=["not_equivalent", "equivalent"])}
    table = datasets.Dataset.from_dict(rows | {"label": [int(p[2]) for p in pairs]})
    table.cast_column("label", features["label"]).to_parquet(hub / "train.parquet")
    (hub / "README.md").write_text("---\nconfigs:\n- config_name: mrpc\n  data_files: train.parquet\n---\n")
    with standing_in(monkeypatch), serving_once():
        yield clean_folder


def lay_out_store(capsys: pytest.CaptureFixture[str]) -> None:
    """A store with three versions of a dataset and a synonym set; of both, what was published lies here too."""
    lay_out_words(capsys)
    done = []
    for m in (1, 2, 3):
        done.append(run_here(capsys, "build", "train.tsv", "--m", m, "--out", f"share-{m}"))
        done.append(run_here(capsys, "store", "publish", f"share-{m}", "nli-team/pawsx"))
    assert {outcome.code for outcome in done} == {0}


def lay_out_words(capsys: pytest.CaptureFixture[str]) -> None:
    """A store with a synonym set, which lies here too."""
    steps = (
        ("store", "init"),
        ("synonyms", "import", "published.json", "share.arrow"),
        ("store", "publish", "share.arrow", "nli-team/words"),
    )
    for step in steps:
        assert run_here(capsys, *step).code == 0


def lay_out_seeds() -> None:
    """Two methods, each with five seeds, judged on all pairs, and a table of distances between their languages."""
    Path("distances.csv").write_text("language_1,language_2,metric,value\nde,en,typology,0.4\nen,ko,typology,0.9\n")
    languages = ("de", "en", "ko")
    pairs = [(a, b) for a in languages for b in languages]
    sides = judged_sides(np.random.default_rng(0), gain=0.03, items=400, languages=len(pairs))
    for method, right in zip(("baseline", "rs-da"), sides):
        for seed, correct in enumerate(right, start=1):
            run = made_run(Path(f"seeds/{method}-{seed}"), method=method, seed=seed)
            judged(run, correct, languages=languages, pairs=pairs)


def lay_out_synonyms() -> None:
    """What the pages about synonym sets speak of; small archives of the official names stand in for the network."""
    more = (
        "car auto automobile",
        "child kid",
        "teacher instructor",
        "big large",
        "huge vast",
        "happy glad cheerful",
        "buy purchase",
    )
    write_toy(Path("toy"), GROUPS + more)
    write_toy(Path("toy-ru"), RUSSIAN, RUSSIAN_ANTONYMS)
    vectors = Path("toy/vectors.txt").read_bytes()
    Path("vectors.txt.gz").write_bytes(gzip.compress(vectors))
    for source, target in (("toy/synonyms", "ppdb"), ("toy/antonyms", "antonyms"), ("toy-ru/vectors", "russian")):
        shutil.copy(f"{source}.txt", f"{target}.txt")
    shutil.copy("toy-ru/synonyms.txt", "russian-synonyms.txt")
    Path("russian-function.txt").write_text("и или\n", encoding="utf-8")
    Path("russian-words.txt").write_text(" ".join(RUSSIAN), encoding="utf-8")
    Path("words.txt").write_text("\n".join(" ".join(GROUPS).split()))
    Path("SimLex-999.txt").write_text("word1\tword2\tPOS\tSimLex999\nmovie\tfilm\tN\t9\ngood\tbad\tA\t1\nquick\tfast\tA\t8\n")
    Path("vetoes.txt").write_text("# never\nmovie\tfilm\nfair just\n")
    for folder in ("wordnet", "nltk_data/corpora/wordnet"):
        write_wordnet(Path(folder))
    Path("vectors").mkdir()
    for folder in (".", "vectors"):
        with zipfile.ZipFile(f"{folder}/glove.6B.zip", "w") as archive:
            for size in (50, 300):
                archive.writestr(zipfile.ZipInfo(f"glove.6B.{size}d.txt"), vectors)


def lay_out_training(pairs: list[list[str]]) -> None:
    """What the pages about training speak of; folders of the Hub's names stand in for the network."""
    for name in ("bert-base-multilingual-cased", "xlm-roberta-base"):
        save_small_bert(Path(name), [text for pair in pairs for text in pair[:2]])
    shutil.copy(SAMPLES / "dev-en.tsv", "dev-en.tsv")
    shutil.copy(SAMPLES / "test-de.tsv", "train-de.tsv")
    Path("german.json").write_text(json.dumps({"Brücke": ["Überführung"], "schnell": ["rasch", "flott"]}))
    Path("grid.toml").write_text(blocks(PROJECT / "docs" / "sweep.md", "toml")[0])
    Path("dev.csv").write_text("".join(f'"{a}","{b}",{label}\n' for a, b, label in pairs))
    Path("pawsx-1500.tsv").write_text("".join("\t".join(pair) + "\n" for pair in pairs))
    for folder in ("xtreme/pawsx", "others", "pawsx"):
        Path(folder).mkdir(parents=True)
    for language in LANGUAGES:
        lines = (SAMPLES / f"test-{language}.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
        Path(f"xtreme/pawsx/test-{language}.tsv").write_text("".join(lines), encoding="utf-8")
        Path(f"others/test-{language}.tsv").write_text("".join(lines), encoding="utf-8")
        for folder in ("xtreme/pawsx", "pawsx"):  # as long as the real files
            Path(f"{folder}/dev-{language}.tsv").write_text("".join((lines * 34)[:2_000]), encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_the_pages_show_runs(page: Path, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if page.name == "service.md":
        lay_out_words(capsys)
    if page.name == "store.md":
        lay_out_store(capsys)
        for made, name in (("share-3", "train-10"), ("share.arrow", "published.arrow")):
            Path(made).rename(name)
        finished_run(Path("rs-da"), "d" * 64)
    with example_service(desk) if page.name == "service.md" else nullcontext(SHOWN) as address:
        for line in shown_lines(page):
            if line.startswith("curl "):
                run_curl(line, address)
                continue
            command = shlex.split(line, comments=True)
            done = run_here(capsys, *at_hand(brief(with_small_digest(command)), capsys)[1:], program=command[0])
            assert done.code == 0, f"{' '.join(command)}: {done.err}"
        for code in blocks(page, "python"):
            exec(compile(code.replace(SHOWN, address), page.name, "exec"), {"__name__": "__main__"})


def test_the_examples_of_the_help_texts_run(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("neighbors.json").unlink()
    examples = [line for _, command in all_commands() for line in (command.epilog or "").splitlines()]
    needed = (" import ", " build", " fit ")  # what others need first
    lines = [line for line in examples if line.startswith("xlt-")]
    order = sorted(lines, key=lambda line: next((k for k, word in enumerate(needed) if word in line), len(needed)))
    for name, method in (("train-10", "synonym"), ("train-swap", "swap")):
        assert run_here(capsys, "build", "train.tsv", "--m", "3", "--method", method, "--out", name).code == 0
    lay_out_store(capsys)
    Path("share.arrow").rename("words.arrow")
    for line in order:
        words = shlex.split(re.sub(r" {4,}.*", "", line))
        words = [next(desk.glob("train-synonym-m10-*")).name if word.endswith("-1a2b3c4d") else word for word in words]
        if words[0] == "xlt-train" and words[1] == "fit":
            words += ["--max_steps", "3"]
        done = run_here(capsys, *at_hand(brief(words), capsys)[1:], program=words[0])
        assert done.code == 0, f"{line}: {done.err}"


def test_every_option_has_an_example() -> None:
    shown = [word for page in PAGES for command in shown_commands(page) for word in command]
    for path, command in all_commands():
        for option in command.params:
            if isinstance(option, click.Option) and option.name != "version":
                names = [*option.opts, *option.secondary_opts]
                for name in (n for n in names if n.startswith("--")):
                    assert name in shown, f"{path} {name} stands in no example"


def test_the_help_texts_in_the_docs_are_those_of_the_program() -> None:
    assert (PROJECT / "docs" / "commands.md").read_text() == render(), "run: make docs"


def test_pages_name_files_that_exist() -> None:
    for page in PAGES:
        for name in re.findall(r"`((?:docs|data|tests|benchmarks)/[\w./-]+)`", page.read_text()):
            assert (PROJECT / name).exists(), f"{page.name} names {name}"


def test_the_golden_numbers_of_the_page_are_those_of_the_code() -> None:
    from xlt_augment.perturb.rng import draw

    rows = re.findall(r"^\| (\d+), (\w+), (\d+), (\d+), (\d+) \| (0x[0-9a-f]{16}) \|$", PAGES_FORMAT.read_text(), re.MULTILINE)
    assert len(rows) == 6
    for seed, column, source_id, variant, position, u in rows:
        found = draw(seed=int(seed), column=column, source_id=int(source_id), variant=int(variant), position=int(position))
        assert f"{found:#018x}" == u


PAGES_FORMAT = PROJECT / "docs" / "format.md"
