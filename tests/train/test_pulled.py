"""A dataset that came from a store: its record is believed only where it is whole, harmless and of this very dataset."""

import hashlib
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.train.toy import Toy, fit_here, fit_words, run_train
from xlt_augment import Substitute, SynonymSet, build
from xlt_train.cli.report import begin_fit
from xlt_train.data import verify
from xlt_train.data.dataset import TrainingSet
from xlt_train.data.pulled import Pulled, is_provenance
from xlt_train.errors import DatasetError, RunError
from xlt_train.evaluation.evaluate import evaluate
from xlt_train.files import pretty_json
from xlt_train.runs.record import RunRecord, stored

WORDS = SynonymSet.from_mapping({"good": ["fine", "nice"], "movie": ["film"]})
STORE = {"id": "0123456789abcdef" * 2, "url": "s3://corpora/xlt"}
Change = Callable[[dict[str, Any]], object]


def record(dataset: Path, reference: str = "nlp/pawsx-en@v3", **changes: Any) -> dict[str, Any]:
    """The record of a pulled dataset, written down from docs/format.md alone."""
    manifest = json.loads((dataset / "xlt.json").read_bytes())
    said = {"format": "xlt-pull/1", "reference": reference, "store": dict(STORE), "kind": "dataset"}
    hashes = {"identity": manifest["logical_hash"], "artifact": "ab" * 32, "manifest_sha256": manifest["manifest_sha256"]}
    return sealed(said | hashes | changes)


def sealed(body: dict[str, Any]) -> dict[str, Any]:
    """The record with its hash, whatever it says."""
    rest = {key: value for key, value in body.items() if key != "sha256"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return rest | {"sha256": hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()}


@pytest.fixture
def pulled(tmp_path: Path) -> Path:
    """A dataset where `pull` puts one, with its record beside it."""
    (tmp_path / "corpus.tsv").write_text("".join(f"A good movie {k}\tnice film\t{k % 2}\n" for k in range(6)))
    folder = tmp_path / "store" / "0123456789ab" / "nlp" / "pawsx-en@v3"
    build(tmp_path / "corpus.tsv", Substitute(WORDS, p=0.5), m=2, out=folder)
    folder.with_name("pawsx-en@v3.json").write_bytes(pretty_json(record(folder)))
    return folder


def test_a_pulled_dataset_knows_its_reference(pulled: Path) -> None:
    data = TrainingSet.open(pulled)
    assert data.pulled is not None
    assert str(data.pulled) == "nlp/pawsx-en@v3 of s3://corpora/xlt"
    store = {"reference": "nlp/pawsx-en@v3", "artifact": "ab" * 32, **STORE}
    assert data.provenance() == data.manifest.provenance() | {"store": store}
    assert pickle.loads(pickle.dumps(data)).pulled == data.pulled  # noqa: S301 - as a worker gets it


def test_however_the_folder_is_named(pulled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train").symlink_to(pulled)
    (pulled / "here").mkdir()
    monkeypatch.chdir(pulled)
    for path in (f"{pulled}/", tmp_path / "train", ".", pulled / "here" / ".."):
        found = TrainingSet.open(path).pulled
        assert found is not None, path
        assert found.reference == "nlp/pawsx-en@v3"


def test_without_a_record_nothing_changes(pulled: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(pulled, tmp_path / "pawsx-en@v3")
    plain = TrainingSet.open(copy)
    assert plain.pulled is None
    assert plain.provenance() == TrainingSet.open(pulled).manifest.provenance() | {"store": None}


@pytest.mark.parametrize("name", ["train", "pawsx@v0", "pawsx@v01", "Pawsx@v1", "pawsx-@v1", "pawsx@v1.old", "a" * 65 + "@v1"])
def test_a_file_beside_a_folder_of_another_kind_of_name_is_no_record(name: str, pulled: Path) -> None:
    folder = pulled.rename(pulled.with_name(name))
    folder.with_name(f"{name}.json").write_text("[]")
    assert TrainingSet.open(folder).pulled is None


def test_receipts_spare_hashing_here_too(pulled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (*pulled.iterdir(), pulled.with_name("pawsx-en@v3.json")):
        path.chmod(0o444)
    monkeypatch.setattr("xlt_train.data.receipts._SETTLED_NS", -(10**12))
    assert str(TrainingSet.open(pulled).checked) == "4 files hashed"
    monkeypatch.setattr(verify, "sha256_file", lambda path: "not asked for")
    assert str(TrainingSet.open(pulled).checked) == "4 files unchanged since they were hashed"


def _store(**changes: Any) -> Change:
    return lambda body: body["store"].update(changes)


HOSTILE: dict[str, Change] = {
    "no team": lambda body: body.update(reference="pawsx-en@v3"),
    "another name": lambda body: body.update(reference="nlp/pawsx@v3"),
    "another version": lambda body: body.update(reference="nlp/pawsx-en@v30"),
    "a path": lambda body: body.update(reference="../pawsx-en@v3"),
    "a line more": lambda body: body.update(reference="nlp/pawsx-en@v3\n"),
    "capitals": lambda body: body.update(reference="NLP/pawsx-en@v3"),
    "a long team": lambda body: body.update(reference=f"{'t' * 65}/pawsx-en@v3"),
    "no text": lambda body: body.update(reference=["nlp/pawsx-en@v3"]),
    "another kind": lambda body: body.update(kind="synonyms"),
    "a short hash": lambda body: body.update(artifact="ab" * 31),
    "a long hash": lambda body: body.update(artifact="ab" * 32 + "\n"),
    "too much": lambda body: body.update(more="x" * 70_000),
    "no manifest": lambda body: body.update(manifest_sha256=None),
    "no identity": lambda body: body.pop("identity"),
    "no store": lambda body: body.pop("store"),
    "a store that is text": lambda body: body.update(store="s3://corpora/xlt"),
    "a password": _store(url="sftp://ann:geheim@host/xlt"),
    "a key in a chain of addresses": _store(url="simplecache::s3://key:geheim@corpora/xlt"),
    "a signature": _store(url="abfs://corpora/xlt?sig=geheim"),
    "a line break": _store(url="s3://corpora/xlt\n# geheim"),
    "an escape": _store(url="s3://corpora/\x1b[2J"),
    "turned letters": _store(url="s3://corpora/\u202etlx"),
    "half a character": _store(url="s3://corpora/\ud800"),
    "a long address": _store(url="s3://" + "a" * 2_048),
    "no address": _store(url=""),
    "an id that is none": _store(id="0123"),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_a_record_that_no_pull_writes_is_refused(change: Change, pulled: Path) -> None:
    body = record(pulled)
    change(body)
    path = pulled.with_name("pawsx-en@v3.json")
    content = json.dumps(sealed(body), indent=2, ensure_ascii=False) + "\n"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(DatasetError, match="Pull the dataset again") as error:
        TrainingSet.open(pulled)
    said = str(error.value)
    assert f"reading {path}" in said
    assert "geheim" not in said
    assert said.isprintable()


@pytest.mark.parametrize("url", ["sftp://ann@host:22/xlt", "/mnt/a folder/it's 50:50?", "memory://xlt", "file:///mnt/xlt"])
def test_usual_addresses_are_fine(url: str, pulled: Path) -> None:
    body = record(pulled, store=STORE | {"url": url})
    pulled.with_name("pawsx-en@v3.json").write_bytes(pretty_json(body))
    assert str(TrainingSet.open(pulled).pulled) == f"nlp/pawsx-en@v3 of {url}"


DAMAGED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda content: b"", "Pull the dataset again"),
    "cut": (lambda content: content[:-9], "Pull the dataset again"),
    "another rendering": (lambda content: json.dumps(json.loads(content)).encode(), "changed record.*Pull the dataset again"),
    "a list": (lambda content: b"[]\n", "Pull the dataset again"),
    "deep": (lambda content: b"[" * 60_000, "Pull the dataset again"),
    "large": (lambda content: content + b" " * (1 << 20), "Pull the dataset again"),
    "no UTF-8": (lambda content: content.replace(b"nlp", b"\xff"), "Pull the dataset again"),
    "a flipped bit": (lambda content: content.replace(b"corpora", b"corporq"), "changed record.*Pull the dataset again"),
    "no hash": (lambda content: content.replace(b'"sha256"', b'"sha257"'), "KeyError.*Pull the dataset again"),
    "newer": (lambda content: content.replace(b"xlt-pull/1", b"xlt-pull/2"), "found the format 'xlt-pull/2'.*Update xlt"),
}


@pytest.mark.parametrize(("change", "says"), DAMAGED.values(), ids=DAMAGED)
def test_an_unreadable_record_is_refused(change: Callable[[bytes], bytes], says: str, pulled: Path) -> None:
    path = pulled.with_name("pawsx-en@v3.json")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DatasetError, match=rf"reading .*pawsx-en@v3\.json: .*{says}"):
        TrainingSet.open(pulled)


def test_a_record_that_is_a_folder_is_refused(pulled: Path) -> None:
    path = pulled.with_name("pawsx-en@v3.json")
    path.unlink()
    path.mkdir()
    with pytest.raises(DatasetError, match="Is a directory"):
        TrainingSet.open(pulled)


@pytest.mark.parametrize("key", ["manifest_sha256", "identity"])
def test_the_record_of_another_dataset_is_refused(key: str, pulled: Path) -> None:
    pulled.with_name("pawsx-en@v3.json").write_bytes(pretty_json(sealed(record(pulled) | {key: "cd" * 32})))
    with pytest.raises(DatasetError, match="cdcdcdcdcdcd.*xlt-augment store pull nlp/pawsx-en@v3 --store s3://corpora/xlt"):
        TrainingSet.open(pulled)


def _flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])


@pytest.mark.parametrize("damage", [_flip, Path.unlink])
@pytest.mark.parametrize("name", ["data-00000-of-00001.arrow", "xlt.json", "README.md"])
def test_damage_says_to_pull_again(name: str, damage: Callable[[Path], object], pulled: Path) -> None:
    damage(pulled / name)
    remedy = r"\. Pull it again: xlt-augment store pull nlp/pawsx-en@v3 --store s3://corpora/xlt\.$"
    with pytest.raises(DatasetError, match=remedy):
        TrainingSet.open(pulled)
    pulled.with_name("pawsx-en@v3.json").unlink()
    with pytest.raises(DatasetError, match=r"(Fetch or build|Check the path)"):
        TrainingSet.open(pulled)


def test_what_cannot_be_trained_on_is_not_pulled_again(tmp_path: Path) -> None:
    (tmp_path / "bare.tsv").write_text("a good movie\tnice\n" * 3)
    folder = tmp_path / "bare@v1"
    build(tmp_path / "bare.tsv", Substitute(WORDS), m=1, out=folder)
    (tmp_path / "bare@v1.json").write_bytes(pretty_json(record(folder, "nlp/bare@v1")))
    with pytest.raises(DatasetError, match="found no labels.*Build it again"):
        TrainingSet.open(folder)


def test_a_run_says_hash_and_reference(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(shutil.copytree(toy.synonym, tmp_path / "toy@v1"))
    url = "/mnt/a|b <store>"
    (tmp_path / "toy@v1.json").write_bytes(pretty_json(record(folder, "lab/toy@v1", store=STORE | {"url": url})))
    short = {"max_steps": 2, "save_strategy": "steps", "save_steps": 1, "save_total_limit": 9}
    words = fit_words(folder, "rs-da", output_dir=tmp_path / "run", **short)
    done = run_train(capsys, *words)
    assert done.code == 0, done.err
    assert f"{folder}: lab/toy@v1 of {url}, " in done.err
    assert f"\nstore     lab/toy@v1 of {url}\n" in done.out
    found = RunRecord.read(tmp_path / "run")
    assert found.data[0]["store"] == {"reference": "lab/toy@v1", "artifact": "ab" * 32, "id": STORE["id"], "url": url}
    assert RunRecord.read(tmp_path / "run" / "checkpoint-1").data == found.data
    card = (tmp_path / "run" / "README.md").read_text()
    assert f"logical hash `{found.data[0]['logical_hash']}`, pulled as lab/toy@v1 from /mnt/a\\|b &lt;store>" in card
    _judged(tmp_path / "run", toy, capsys)
    _gone_on_with_elsewhere(tmp_path / "run", toy, short)
    _not_said_by_the_record(tmp_path / "run")


def _judged(run: Path, toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    judged = evaluate(run, toy.tests, rows=(0, 5))
    assert "pulled as lab/toy@v1 from /mnt/a|b <store>" in (judged.path / "accuracy.md").read_text()
    done = run_train(capsys, "evaluate", run, "--test-dir", toy.tests, "--rows", "0:5")
    assert "pulled as lab/toy@v1" in done.out


def _gone_on_with_elsewhere(run: Path, toy: Toy, short: dict[str, Any]) -> None:
    """The same rows from another place are the same run: what counts is the logical hash."""
    shutil.rmtree(run / "checkpoint-2")
    body = json.loads((run / "xlt-run.json").read_bytes())
    weights = body["weights"]
    (run / "xlt-run.json").write_text(json.dumps(body | {"status": "started"}))
    again = fit_here(toy.synonym, "rs-da", run, **short, resume_from_checkpoint="true")
    assert again.record.results["resumed_from"] == "checkpoint-1"
    assert again.record.data[0]["store"] is None
    assert again.record.weights == weights
    assert ", pulled as" not in (run / "README.md").read_text()


def _not_said_by_the_record(run: Path) -> None:
    """Records of before lack the key; a hostile one is none."""
    body = json.loads((run / "xlt-run.json").read_bytes())
    del body["data"][0]["store"]
    (run / "xlt-run.json").write_text(json.dumps(body))
    assert stored(RunRecord.read(run).data[0]) == ""
    body["data"][0]["store"] = {"reference": "lab/toy@v1", "artifact": "ab" * 32, "id": STORE["id"], "url": "a\nb"}
    (run / "xlt-run.json").write_text(json.dumps(body))
    with pytest.raises(RunError, match="no record of a run"):
        RunRecord.read(run)


def test_only_what_a_pull_says_is_provenance(pulled: Path) -> None:
    found = Pulled.beside(pulled)
    assert found is not None
    said = found.provenance()
    assert is_provenance(said)
    assert stored({"store": said}) == ", pulled as nlp/pawsx-en@v3 from s3://corpora/xlt"
    for other in (None, [], {}, said | {"more": "text"}, said | {"id": 7}, {key: said[key] for key in ("reference", "url")}):
        assert not is_provenance(other)
        assert stored({"store": other}) == ""


def test_only_the_first_of_several_processes_speaks(pulled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from types import SimpleNamespace

    parts = SimpleNamespace(parts=[TrainingSet.open(pulled)])
    for process in (1, 0):
        begin_fit(SimpleNamespace(arguments=SimpleNamespace(process_index=process), data=parts))  # type: ignore[arg-type]
    said = capsys.readouterr().err.splitlines()
    assert said == [f"{pulled}: nlp/pawsx-en@v3 of s3://corpora/xlt, 4 files hashed"]
