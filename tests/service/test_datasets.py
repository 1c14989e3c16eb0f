"""The datasets of a store over HTTP: lists, details and samples; stores that are gone, broken, altered or silent."""

import logging
import random
import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.damage import flip
from tests.store.made import WORDS, made_dataset, made_store
from xlt_augment.materialize.dataset import AugmentedDataset
from xlt_augment.service import catalogue as catalogues
from xlt_augment.service import schemas
from xlt_augment.service.application import routed
from xlt_augment.service.catalogue import Catalogue
from xlt_augment.service.settings import Settings
from xlt_augment.service.shelf import Shelf
from xlt_augment.service.state import Service
from xlt_augment.service.workers import Workers
from xlt_augment.store.names import parse_name
from xlt_augment.store.publish import publish
from xlt_augment.store.repository import Store, object_path
from xlt_augment.store.storage.faults import Advice, Kind, fault
from xlt_augment.store.storage.local import LocalStorage

ROWS = "".join(f"The movie {k} was good .\tA good film , {k} .\t{'yes' if k % 2 else 'no'}\n" for k in range(30))
ALL = ["/v1/datasets", "/v1/datasets/nli-team/pawsx", "/v1/datasets/nli-team/pawsx/samples"]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `store` with two versions of nli-team/pawsx, two other datasets and a set; beside it what was published."""
    folder = tmp_path_factory.mktemp("published")
    store = made_store(folder / "store")
    made_dataset(folder / "one", m=2)
    made_dataset(folder / "two", m=25, rows=ROWS)
    made_dataset(folder / "three", m=1, rows="a good film\tno\n")
    WORDS.save(folder / "words.arrow")
    named = {"nli-team/pawsx": ("one", "two"), "nli-team/small": ("three", "words.arrow"), "qa-team/pawsx": ("one",)}
    for name, paths in (named | {"nli-team/words": ("words.arrow",)}).items():
        for path in paths:
            publish(store, folder / path, parse_name(name))
    return folder


def client_of(url: object) -> TestClient:
    settings = Settings(store=str(url))
    service = Service(settings, Shelf(settings.sets), Workers(2, 16), catalogue=Catalogue(str(url)))
    return TestClient(routed(service), raise_server_exceptions=False)


@pytest.fixture(scope="module")
def client(published: Path) -> TestClient:
    return client_of(published / "store")


@pytest.fixture
def copied(published: Path, tmp_path: Path) -> Path:
    """A store of one's own to damage."""
    return Path(shutil.copytree(published / "store", tmp_path / "secret-place"))


def get(client: TestClient, path: str, **query: Any) -> dict[str, Any]:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refused(client: TestClient, path: str, status: int, **query: Any) -> dict[str, Any]:
    answer = client.get(path, params=query)
    assert answer.status_code == status, answer.text
    assert "secret" not in answer.text
    assert "/tmp" not in answer.text
    error = schemas.Failure.model_validate_json(answer.content).error
    assert all((error.id, error.doing, error.found, error.expected, error.remedy))
    return dict(answer.json()["error"]) | {"retry": answer.headers.get("retry-after")}


def object_of(store: Path, version: int, name: str) -> Path:
    """Where a file of nli-team/pawsx lies."""
    opened = Store.open(str(store))
    files = opened.artifact(opened.reference(parse_name(f"nli-team/pawsx@v{version}"))).files
    return store / object_path(next(file.sha256 for file in files if file.path == name))


def test_datasets_are_listed_by_name_and_in_pages(client: TestClient) -> None:
    page = schemas.DatasetPage.model_validate(get(client, "/v1/datasets"))
    found = [(one.name, one.version, one.versions) for one in page.items]
    assert found == [("nli-team/pawsx", 2, [1, 2]), ("nli-team/small", 1, [1]), ("qa-team/pawsx", 1, [1])]
    assert page.next is None
    items, cursor = [], None
    for _ in range(3):
        part = get(client, "/v1/datasets", limit=1, **({"cursor": cursor} if cursor else {}))
        items, cursor = items + part["items"], part["next"]
    assert (items, cursor) == ([one.model_dump() for one in page.items], None)
    assert get(client, "/v1/datasets", limit=2)["items"] == items[:2]
    for wrong in ({"limit": 0}, {"limit": 1_001}, {"cursor": "?"}, {"cursor": "MQ"}):
        refused(client, "/v1/datasets", 422, **wrong)


def test_a_dataset_is_shown_with_recipe_statistics_and_card(client: TestClient, published: Path) -> None:
    for version, folder in ((1, "one"), (2, "two")):
        detail = get(client, "/v1/datasets/nli-team/pawsx", version=version)
        schemas.DatasetDetail.model_validate(detail)
        manifest = AugmentedDataset.open(published / folder).manifest
        assert (detail["version"], detail["versions"], detail["identity"]) == (version, [1, 2], manifest.logical_hash)
        assert (detail["recipe"], detail["statistics"]) == (manifest.recipe, manifest.statistics)
        assert detail["synonyms"] == manifest.synonyms == {"name": "mapping", "sha256": WORDS.sha256}
        assert detail["card"] == (published / folder / "README.md").read_text()
        files = [path.stat().st_size for path in (published / folder).iterdir()]
        assert (detail["files"], detail["bytes"]) == (len(files), sum(files))
        assert [parent["kind"] for parent in detail["parents"]] == ["source", "synonyms"]
        assert detail["about"]["rows"] == manifest.rows
    assert get(client, "/v1/datasets/nli-team/pawsx") == detail
    assert get(client, "/v1/datasets/nli-team/small")["version"] == 1  # v2 is a synonym set


def test_samples_are_the_first_rows_and_their_variants(client: TestClient, published: Path) -> None:
    for version, folder, label in ((1, "one", "1"), (2, "two", "no")):
        found = get(client, "/v1/datasets/nli-team/pawsx/samples", version=version, limit=20)
        schemas.DatasetSamples.model_validate(found)
        dataset = AugmentedDataset.open(published / folder)
        m, rows = dataset.manifest.recipe["m"], dataset.head(10_000).select(["sentence1", "sentence2"]).to_pylist()
        assert len(found["samples"]) == min(20, dataset.manifest.source["rows"])
        for k, sample in enumerate(found["samples"]):
            block = rows[k * (m + 1) : (k + 1) * (m + 1)]
            assert (sample["source_id"], sample["texts"], sample["variants"]) == (k, block[0], block[1:21])
        assert (found["samples"][0]["label"], found["checked"], found["version"]) == (label, True, version)
    assert get(client, "/v1/datasets/nli-team/pawsx/samples", limit=3)["samples"] == found["samples"][:3]
    assert get(client, "/v1/datasets/nli-team/small/samples")["samples"][0]["label"] is None
    for wrong in ({"limit": 0}, {"limit": 21}, {"version": 0}, {"version": "x"}):
        refused(client, "/v1/datasets/nli-team/pawsx/samples", 422, **wrong)


UNKNOWN = ["nli-team/pawx", "NLI-team/pawsx", "nli-team/pawsx@v1", "nli-team/words", "..%2f../etc", "x" * 9_000 + "/y"]


@pytest.mark.parametrize("path", UNKNOWN, ids=lambda path: path[:20])
def test_an_unknown_dataset_is_404_with_near_names(client: TestClient, path: str) -> None:
    for rest in ("", "/samples"):
        error = refused(client, f"/v1/datasets/{path}{rest}", 404)
        if "pa" in path:
            assert "nli-team/pawsx" in error["close"]
        assert "nli-team/words" not in error["close"]
    assert "version 9" in refused(client, "/v1/datasets/nli-team/pawsx", 404, version=9)["found"]
    assert refused(client, "/v1/datasets/nli-team/small", 404, version=2)["found"] == "no dataset in version 2"


def test_a_service_without_a_store_has_no_datasets() -> None:
    client = TestClient(routed(Service(Settings(), Shelf(["default"]), Workers(1, 1))))
    for path in ALL:
        assert "without a store" in refused(client, path, 404)["found"]


def test_a_new_version_appears_within_seconds(copied: Path, published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(copied)
    assert get(client, "/v1/datasets/qa-team/pawsx")["version"] == 1
    publish(Store.open(str(copied)), published / "two", parse_name("qa-team/pawsx"))
    assert get(client, "/v1/datasets/qa-team/pawsx")["version"] == 1  # the listing of a moment ago
    monkeypatch.setattr(catalogues, "_LISTED", -1)
    assert get(client, "/v1/datasets/qa-team/pawsx")["versions"] == [1, 2]


@pytest.mark.parametrize(
    ("name", "path"), [("data-00000-of-00001.arrow", ALL[2]), ("xlt.json", ALL[1]), ("README.md", ALL[1]), ("xlt.json", ALL[2])]
)
@pytest.mark.parametrize("gone", [False, True])
def test_an_altered_file_is_not_shown(copied: Path, name: str, path: str, gone: bool, caplog: pytest.LogCaptureFixture) -> None:
    file = object_of(copied, 2, name)
    file.chmod(0o600)
    if gone:
        file.unlink()
    else:
        flip(file, random.Random(0))
    client = client_of(copied)
    with caplog.at_level(logging.ERROR, "xlt.error"):
        refused(client, path, 502)
    assert "pawsx" in caplog.text
    assert get(client, path, version=1)
    assert len(get(client, ALL[0])["items"]) == 3


def test_an_altered_reference_is_named(copied: Path) -> None:
    path = copied / "references" / "nli-team" / "pawsx" / "v2.json"
    path.chmod(0o600)
    path.write_text(path.read_text().replace("dataset", "report"))
    client = client_of(copied)
    for path_ in ALL:
        assert "changed record" in refused(client, path_, 502)["found"]
    assert get(client, "/v1/datasets/qa-team/pawsx")


def test_a_store_that_is_gone_is_said_to_be(
    copied: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogues, "_LISTED", -1)
    before, after = client_of(copied), client_of(copied)
    assert get(before, ALL[0])["items"]
    moved = copied.rename(copied.with_name("elsewhere"))
    for client in (before, after):
        for path in ALL:
            refused(client, path, 502)
    assert str(copied) in caplog.text  # for those who keep the service
    moved.rename(copied)
    assert get(before, ALL[0]) == get(after, ALL[0])


@pytest.mark.parametrize(
    "url", ["nonsense://me:secret@host/place", "s3://secret-bucket?key=secret", "s3://me:secret@bucket/x", ""]
)
def test_an_address_that_is_none_is_not_repeated(url: str) -> None:
    for path in ALL:
        refused(client_of(url), path, 502)


def later(patch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.monotonic() + seconds
    patch.setattr(catalogues, "time", SimpleNamespace(monotonic=lambda: now))


def test_a_silent_store_is_left_alone_for_a_while(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client, asked = client_of(copied), [0]

    def silent(self: LocalStorage, *arguments: Any) -> Any:
        asked[0] += 1
        raise fault(Kind.UNREACHABLE, "reading of", self.url, Advice(), TimeoutError("secret"))

    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "read", silent)
        for _ in range(2):
            error = refused(client, ALL[0], 503)
            assert error["retry"] == "5"
        assert asked == [1]
        later(patch, 5.1)
        refused(client, ALL[1], 503)
        assert asked == [2]
    monkeypatch.setattr(catalogues, "_REST", 0)
    later(monkeypatch, 20)
    assert get(client, ALL[0])["items"]


def test_what_never_changes_is_read_once(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client, opened, read, pieces = client_of(copied), [], LocalStorage.read, LocalStorage.pieces
    monkeypatch.setattr(LocalStorage, "read", lambda self, path, *more: (opened.append(path), read(self, path, *more))[1])
    monkeypatch.setattr(LocalStorage, "pieces", lambda self, path: (opened.append(path), pieces(self, path))[1])
    for _ in range(3):
        for path in ALL:
            assert get(client, path)
    assert len(opened) == len(set(opened)) == 1 + 5 + 3 + 1  # the store, references, manifests and card, rows
    kept: catalogues.Kept[int] = catalogues.Kept(2)
    assert [kept.get(key, lambda: key) for key in (1, 2, 1, 3)] == [1, 2, 1, 3]  # noqa: B023 - called at once
    assert [kept.get(key, lambda: 0) for key in (1, 3, 2)] == [1, 3, 0]
