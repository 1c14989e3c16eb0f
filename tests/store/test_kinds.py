"""What is published of each kind of thing, who its parents are, and the chain that they make."""

import json
import shutil
from pathlib import Path

import pytest

from tests.store.made import WORDS, finished_run, made_dataset, made_store
from xlt_augment.canonical import sha256_json
from xlt_augment.errors import DatasetError, StoreError, SynonymError
from xlt_augment.materialize.manifest import Manifest
from xlt_augment.store.kinds import describe
from xlt_augment.store.lineage import Node, lineage
from xlt_augment.store.names import parse_name
from xlt_augment.store.publish import publish


def test_a_dataset_is_its_files_and_its_parents(tmp_path: Path) -> None:
    folder = made_dataset(tmp_path / "d")
    (folder / "cache-1.arrow").write_bytes(b"not ours")
    manifest, found = Manifest.read(folder), describe(folder).artifact
    assert found.identity == manifest.logical_hash
    assert {file.path for file in found.files} == {entry.path for entry in manifest.files} | {"xlt.json"}
    assert [(p.kind, p.identity) for p in found.parents] == [("source", manifest.source["sha256"]), ("synonyms", WORDS.sha256)]
    shutil.move(folder, tmp_path / "elsewhere")
    assert describe(tmp_path / "elsewhere").artifact.to_bytes() == found.to_bytes()


def test_a_synonym_set_names_what_it_was_made_from(tmp_path: Path) -> None:
    edited = WORDS.veto([("good", "nice")]).veto([("film", "movie")])
    edited.save(tmp_path / "words.arrow")
    found = describe(tmp_path / "words.arrow").artifact
    assert found.identity == edited.sha256
    kinds = [(p.kind, p.identity) for p in found.parents]
    pairs = [sha256_json([["good", "nice"]]), sha256_json([["film", "movie"]])]
    assert kinds == [("synonyms", WORDS.sha256), ("vetoes", pairs[0]), ("vetoes", pairs[1])]


def test_a_set_names_vectors_and_constraints_through_sets_in_no_store(tmp_path: Path) -> None:
    from xlt_augment import SynonymSet

    found = describe(Path(__file__).parents[2] / "data" / "synonyms" / "english-wordnet.arrow").artifact
    before = next(p for p in found.parents if p.kind == "synonyms")
    assert {p.kind for p in before.parents} == {"vectors", "constraints"}
    assert found.identity == SynonymSet.default().sha256


def test_a_veto_list_is_known_by_its_pairs(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("# ours\nmovie\tfilm\n")
    (tmp_path / "b.txt").write_text("film movie\n")
    a, b = (describe(tmp_path / name).artifact for name in ("a.tsv", "b.txt"))
    assert a.kind == "vetoes"
    assert a.identity == b.identity == sha256_json([["film", "movie"]])
    assert a.to_bytes() != b.to_bytes()


def test_a_run_is_shared_without_its_checkpoints(tmp_path: Path) -> None:
    found = describe(finished_run(tmp_path / "run", "a" * 64)).artifact
    assert [file.path for file in found.files] == ["model.safetensors", "xlt-run.json"]
    assert [(p.kind, p.identity) for p in found.parents] == [("dataset", "a" * 64)]


@pytest.mark.parametrize("damage", ["other weights", "no weights", "not finished", "no record"])
def test_a_run_that_is_none_is_refused(tmp_path: Path, damage: str) -> None:
    run = finished_run(tmp_path / "run", "a" * 64)
    if damage == "other weights":
        (run / "model.safetensors").write_bytes(b"others")
    elif damage == "no weights":
        (run / "model.safetensors").unlink()
    else:
        body = {**json.loads((run / "xlt-run.json").read_text()), "status": "started"} if damage == "not finished" else {}
        (run / "xlt-run.json").write_text(json.dumps(body))
    with pytest.raises(StoreError, match="publishing"):
        describe(run)


@pytest.mark.parametrize("name", ["nothing", "empty", "words.json", "notes.md", "folder"])
def test_other_things_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder").mkdir()
    for path in ("words.json", "notes.md", "folder/notes.md"):
        (tmp_path / path).write_text("{}")
    with pytest.raises(StoreError, match="a synonym set"):
        describe(tmp_path / name)


def test_what_is_damaged_is_refused(tmp_path: Path) -> None:
    folder = made_dataset(tmp_path / "d")
    (folder / "xlt.json").write_text((folder / "xlt.json").read_text().replace('"p": 0.5', '"p": 0.6'))
    with pytest.raises(DatasetError):
        describe(folder)
    WORDS.save(tmp_path / "words.arrow")
    content = (tmp_path / "words.arrow").read_bytes()
    (tmp_path / "words.arrow").write_bytes(content.replace(b"film", b"fiim", 1))
    with pytest.raises(SynonymError):
        describe(tmp_path / "words.arrow")


@pytest.mark.parametrize("name", ["_words.arrow", "-.arrow", "con.arrow", "mot s.arrow", "w" * 210 + ".arrow"])
def test_a_set_whose_name_no_store_takes_gets_a_plain_one(tmp_path: Path, name: str) -> None:
    WORDS.save(tmp_path / name)
    assert [file.path for file in describe(tmp_path / name).artifact.files] == ["synonyms.arrow"]


@pytest.mark.parametrize("runs", [[{}], [7], 7, [{"name": "a"}]])
def test_a_report_of_runs_that_are_none_is_refused(tmp_path: Path, runs: object) -> None:
    (tmp_path / "report.json").write_text(json.dumps({"runs": runs}))
    with pytest.raises(StoreError, match="a record of a report"):
        describe(tmp_path)


def test_a_link_in_a_report_is_refused(tmp_path: Path) -> None:
    report = tmp_path / "report"
    report.mkdir()
    (report / "report.json").write_text('{"title": "t", "runs": []}')
    (report / "secret.csv").symlink_to("/etc/passwd")
    with pytest.raises(StoreError, match="a link"):
        describe(report)


def _flat(node: Node) -> list[tuple[str, tuple[str, ...]]]:
    return [(node.kind, node.names), *(entry for parent in node.parents for entry in _flat(parent))]


@pytest.mark.parametrize("reverse", [False, True])
def test_the_chain_goes_from_vectors_to_report_in_whatever_order_it_was_published(tmp_path: Path, reverse: bool) -> None:
    WORDS.save(tmp_path / "words.arrow")
    data = made_dataset(tmp_path / "data")
    run = finished_run(tmp_path / "run", Manifest.read(data).logical_hash)
    identity = describe(run).artifact.identity
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.json").write_text(json.dumps({"runs": [{"name": "run", "identity": identity[:16]}]}))
    store = made_store(tmp_path / "store")
    things = [(tmp_path / "words.arrow", "t/words"), (data, "t/data"), (run, "t/run"), (tmp_path / "report", "t/report")]
    for path, name in reversed(things) if reverse else things:
        publish(store, path, parse_name(name))
    whole = lineage(store, parse_name("t/report"))
    assert _flat(whole.node) == [
        ("report", ("t/report@v1",)),
        ("run", ("t/run@v1",)),
        ("dataset", ("t/data@v1",)),
        ("source", ()),
        ("synonyms", ("t/words@v1",)),
    ]
    assert whole.descendants == ()
    below = lineage(store, parse_name("t/words@v1"))
    assert [node.names for node in below.descendants] == [("t/data@v1",), ("t/run@v1",), ("t/report@v1",)]
    assert whole.node.parents[0].parents[0].recipe == Manifest.read(data).recipe
    assert json.loads(json.dumps(below.to_json()))["descendants"][0]["kind"] == "dataset"
