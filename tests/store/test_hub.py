"""Export to the Hub: everything in one commit or nothing, and what comes back is the dataset."""

import json
import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import pytest

from tests.command import run_here
from tests.store.hub_server import DEPRECATED, TOKEN, Hub, download, serving, standing_in
from xlt_augment import Substitute, SynonymSet, build, verify
from xlt_augment.canonical import pretty_json, sha256_json
from xlt_augment.errors import DatasetError, StoreError
from xlt_augment.materialize.manifest import Manifest
from xlt_augment.materialize.parquet import verify_parquet, write_parquet
from xlt_augment.store.hub import Exported, export_to_hub

WORDS = SynonymSet.from_mapping({"good": ["fine", "nice"], "movie": ["film"]})
REPO = "nli-team/pawsx-m2"
pytestmark = pytest.mark.filterwarnings(DEPRECATED)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with standing_in(monkeypatch) as found:
        yield found


def make(folder: Path, *, rows: int = 30, shard: int = 4_000) -> Path:
    """A dataset in several files."""
    lines = [f"A good movie number {k} of all\tnice film {k}\t{'yes' if k % 3 else 'no'}\n" for k in range(rows)]
    (folder / "corpus.tsv").write_text("".join(lines))
    return build(folder / "corpus.tsv", Substitute(WORDS, p=0.5), m=2, out=folder / "data", max_shard_size=shard).path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make(tmp_path)


def send(data: Path, hub: Hub, **options: Any) -> Exported:
    return export_to_hub(data, REPO, endpoint=hub.url, **options)


def refused(data: Path, hub: Hub, says: str, **options: Any) -> str:
    with pytest.raises(StoreError, match=says) as error:
        send(data, hub, **options)
    said = str(error.value)
    assert TOKEN not in said
    assert "X-Signature" not in said
    assert "\n" not in said
    return said


def test_what_comes_back_is_the_dataset(data: Path, hub: Hub, tmp_path: Path) -> None:
    done = send(data, hub)
    found = hub.repositories[REPO]
    assert (done.repo, done.existed, done.revision) == (REPO, False, found.branches["main"])
    assert found.messages == ["initial commit", f"XLT dataset, logical hash {done.logical_hash[:12]}"]  # one commit
    assert done.url == f"{hub.url}/datasets/{REPO}/tree/{done.revision}"
    place = download(found, done.revision, tmp_path / "snapshot")
    assert len([path for path in place.rglob("*") if path.is_file()]) == done.files + 1  # .gitattributes
    manifest = Manifest.read(data)
    assert verify(place / "arrow").unlisted == ()
    assert done.logical_hash == manifest.logical_hash == verify_parquet(place / "parquet").logical_hash
    rows = datasets.load_from_disk(str(data))
    files = sorted(map(str, place.glob("parquet/*.parquet")))
    for source in ({"path": "parquet", "data_files": files}, {"path": str(place)}):  # the latter by the card's head
        back = datasets.load_dataset(**source, split="train", cache_dir=str(tmp_path / "cache"))
        assert back.features == rows.features
        assert back.to_list() == rows.to_list()
    assert back.features["label"].names == ["no", "yes"]


def test_the_card_says_what_it_is(data: Path, hub: Hub, tmp_path: Path) -> None:
    place = data.rename(tmp_path / "pawsx@v3")
    manifest = Manifest.read(place)
    body = {"format": "xlt-pull/1", "reference": "nli-team/pawsx@v3", "manifest_sha256": manifest.to_json()["manifest_sha256"]}
    beside = tmp_path / "pawsx@v3.json"

    def card(**changes: Any) -> str:
        said = body | changes
        beside.write_bytes(pretty_json(said | {"sha256": sha256_json(said)}))
        done = send(place, hub)
        return hub.repositories[REPO].commits[done.revision]["README.md"].decode()

    text = card()
    assert f"logical hash: `{manifest.logical_hash}`\n- reference: `nli-team/pawsx@v3`\n" in text
    assert f'load_dataset("{REPO}", split="train")' in text
    assert f'snapshot_download("{REPO}", repo_type="dataset", allow_patterns="arrow/*") + "/arrow"' in text
    assert "data_files: parquet/data-*.parquet\n" in text
    for changes in (
        {"reference": "nli-team/other@v3"},
        {"reference": "`x`"},
        {"format": "xlt-pull/2"},
        {"manifest_sha256": ""},
    ):
        assert "- reference" not in card(**changes), changes
    assert "- reference" in card()
    beside.write_bytes(beside.read_bytes().replace(b'"sha256": "', b'"sha256": "0'))
    text = hub.repositories[REPO].commits[send(place, hub).revision]["README.md"].decode()
    assert "- reference" not in text


def test_the_same_again_changes_nothing(data: Path, hub: Hub) -> None:
    first = send(data, hub)
    hub.log.clear()
    again = send(data, hub)
    assert again == Exported(**{**vars(first), "existed": True})
    assert not hub.requests("PUT|commit|batch|preupload")


def test_one_changed_file_is_the_only_one_sent(data: Path, hub: Hub) -> None:
    first = send(data, hub)
    found = hub.repositories[REPO]
    tree = dict(found.commits[first.revision])
    tree["parquet/data-00000-of-00001.parquet"] = tree["parquet/data-00000-of-00001.parquet"][::-1]
    tree["arrow/state.json"] = tree["arrow/state.json"].swapcase()
    found.commit(tree, "main", "damage of the same sizes")
    hub.large.clear()
    again = send(data, hub)
    assert not again.existed
    assert found.commits[again.revision] == found.commits[first.revision]
    assert len(hub.large) == 1


def test_what_an_older_export_left_goes_in_the_same_commit(data: Path, hub: Hub, tmp_path: Path) -> None:
    others = {"NOTES.md": b"ours to keep", "arrow/extra.txt": b"", "parquet/more/data-00000-of-00001.parquet": b"no"}
    hub.make(REPO, **others)
    before = send(data, hub)
    found = hub.repositories[REPO]
    shutil.rmtree(data)
    after = send(make(tmp_path, rows=7, shard=10**6), hub)
    old, new = (found.commits[done.revision] for done in (before, after))
    assert len(found.messages) == 3
    assert sum(name.endswith(".arrow") for name in old) == 2
    assert [name for name in new if name.endswith(".arrow")] == ["arrow/data-00000-of-00001.arrow"]
    assert others.items() <= new.items()


def test_a_branch_is_made_and_main_stays(data: Path, hub: Hub) -> None:
    found = hub.make(REPO)
    before = found.branches["main"]
    done = send(data, hub, revision="exports/m2")
    assert found.branches == {"main": before, "exports/m2": done.revision}
    assert send(data, hub, revision="exports/m2").existed


def test_private_is_private(data: Path, hub: Hub) -> None:
    send(data, hub, private=True)
    assert hub.repositories[REPO].private
    assert send(data, hub, private=False).existed  # and stays so
    assert hub.created[0] | {"visibility": "private"} == hub.created[0]
    assert hub.created[1].keys() == {"name", "organization", "type"}  # what the owner has chosen for new ones
    assert hub.repositories[REPO].private
    hub.repositories[REPO].private = False
    before = dict(hub.repositories[REPO].branches)
    refused(data, hub, "found a public repository; expected a private one", private=True)
    assert hub.repositories[REPO].branches == before


def test_a_name_without_owner_is_ones_own(data: Path, hub: Hub) -> None:
    assert export_to_hub(data, "pawsx", endpoint=hub.url).repo == "ann/pawsx"


REFUSALS = {
    "no login": ("repos/create", 401, "RepositoryNotFoundError|401.*hf auth login"),
    "not ours": ("POST .*/commit/", 403, "403.*Take a token that may write there"),
    "no branch": ("GET .*/tree/", 404, "404.*Check name and branch"),
    "too large": ("POST .*/commit/", 413, "413.*too large"),
    "large files": ("PUT /large", 403, "403.*Take a token"),
    "bad request": ("POST .*/preupload/", 400, "400.*Try again"),
}


@pytest.mark.parametrize(("request_", "status", "says"), REFUSALS.values(), ids=REFUSALS)
def test_an_error_of_the_hub_leaves_nothing_visible(
    request_: str, status: int, says: str, data: Path, hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hub.refuse[request_] = status
    said = refused(data, hub, says)
    assert f"exporting to {REPO} on the Hugging Face Hub: found " in said
    assert TOKEN not in caplog.text
    assert all(found.messages == ["initial commit"] for found in hub.repositories.values())
    hub.refuse.clear()
    assert not send(data, hub).existed  # the next call goes on


def test_somebody_else_was_faster(data: Path, hub: Hub) -> None:
    found = hub.make(REPO)

    def interfere(request: str) -> None:
        if "/preupload/" in request:
            found.commit({"NOTES.md": b"theirs"}, "main", "theirs")

    hub.before = interfere
    refused(data, hub, "412.*Somebody else changed the branch meanwhile: export again")
    hub.before = lambda request: None
    done = send(data, hub)
    assert found.commits[done.revision]["NOTES.md"] == b"theirs"


def test_what_is_wrong_is_said_before_anything_is_sent(data: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for repo in ("a/b/c", "../x", "a b", "", "x" * 200, "team/na\nme"):
        with pytest.raises(StoreError, match="found no name of a repository.*Choose another --hub"):
            export_to_hub(data, repo, endpoint=hub.url)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    refused(data, hub, "found HF_HUB_OFFLINE set")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    refused(data, hub, "found no token.*hf auth login, or set HF_TOKEN")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    refused(data, hub, r"found no such package; .*pip install 'xlt\[hf\]'")
    assert hub.log == []


def test_a_wrong_token_is_not_shown(data: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_alsoSecret")
    assert "hf_alsoSecret" not in refused(data, hub, "401.*hf auth login")


def test_nobody_answers(data: Path, hub: Hub) -> None:
    with serving() as gone:
        url = gone.url
    with pytest.raises(StoreError, match="ConnectError.*Connection refused.*Try again"):
        export_to_hub(data, REPO, endpoint=url)


def _flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])


@pytest.mark.parametrize("name", ["data-00001-of-00003.arrow", "xlt.json", "README.md"])
def test_a_damaged_dataset_is_not_exported(name: str, data: Path, hub: Hub) -> None:
    _flip(sorted(data.glob("*.arrow"))[1] if name.endswith("arrow") else data / name)
    with pytest.raises(DatasetError):
        send(data, hub)
    assert hub.log == []


def test_a_rendering_that_is_there_is_taken(data: Path, hub: Hub, tmp_path: Path) -> None:
    write_parquet(data, tmp_path / "parquet", max_file=1)
    done = send(data, hub, parquet=tmp_path / "parquet")
    tree = hub.repositories[REPO].commits[done.revision]
    assert tree["parquet/xlt-parquet.json"] == (tmp_path / "parquet" / "xlt-parquet.json").read_bytes()
    hub.log.clear()
    shutil.rmtree(data)
    with pytest.raises(DatasetError, match="the Parquet files of another dataset"):
        send(make(tmp_path, rows=7), hub, parquet=tmp_path / "parquet")
    _flip(tmp_path / "parquet" / "data-00000-of-00001.parquet")
    with pytest.raises(DatasetError, match="data-00000-of-00001.parquet"):
        send(data, hub, parquet=tmp_path / "parquet")
    assert hub.log == []


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """`xlt-augment store export` in this process."""
    return lambda *words: run_here(capsys, "store", "export", *words)


def test_the_command(data: Path, hub: Hub, tmp_path: Path, command: Callable[..., Any]) -> None:
    done = command(data, "--parquet", tmp_path / "out", "--hub", REPO, "--private")
    found = hub.repositories[REPO]
    manifest = Manifest.read(data)
    assert done.code == 0, done.err
    assert f"\nrevision  {found.branches['main']}\nhash      {manifest.logical_hash}\n" in done.out
    assert f"parquet   {tmp_path / 'out'} (" in done.out
    assert found.private
    again = json.loads(command(data, "--parquet", tmp_path / "out", "--hub", REPO, "--json").out)
    assert again["hub"]["existed"]
    assert again["hub"]["revision"] == found.branches["main"]
    assert again["parquet"]["logical_hash"] == again["hub"]["logical_hash"] == manifest.logical_hash


@pytest.mark.parametrize("words", [[], ["--private", "--parquet", "out"], ["--revision", "x", "--parquet", "out"]])
def test_wrong_usage(words: list[str], data: Path, command: Callable[..., Any]) -> None:
    done = command(data, *words)
    assert (done.code, done.out) == (2, "")
    assert "--hub" in done.err
