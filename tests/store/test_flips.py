"""Single flipped bits anywhere in a store or in a cache: all are found, named, and mended by what the message says."""

import random
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.damage import flip
from tests.store.backends import SAFE, contents
from tests.store.made import made_dataset
from xlt_augment.errors import StoreError
from xlt_augment.store.cache import Cache
from xlt_augment.store.names import Name
from xlt_augment.store.publish import publish
from xlt_augment.store.pull import pull
from xlt_augment.store.repository import STORE_RECORD, Store, object_path, reference_path
from xlt_augment.store.storage.local import LocalStorage
from xlt_augment.store.verify import verify_store
from xlt_train.data.manifest import Manifest
from xlt_train.data.verify import check_files
from xlt_train.errors import DatasetError

NAME = Name("team", "data", 1)
OTHER = Name("team", "data", 2)
MENDING = re.compile(r"Whoever has its source mends it: xlt-augment store publish SOURCE (\S+) --again\.")
FLIPS = 300


@dataclass
class Place:
    """A store with two versions, and a cache with the first."""

    store: Store
    sources: dict[Name, Path]
    cache: Cache
    folder: Path

    def file(self, path: str) -> Path:
        return Path(self.store.url) / path

    @property
    def record(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.json")

    def sound(self) -> None:
        """All is as it was published."""
        assert verify_store(Store.open(self.store.url), threads=1).damages == ()
        pulled = pull(Store.open(self.store.url), NAME, cache=self.cache, threads=1)
        assert (pulled.mended, contents(pulled.path)) == ((), contents(self.sources[NAME]))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("XLT_CACHE", str(tmp_path / "receipts"))
    store, cache = Store.init(str(tmp_path / "store"), SAFE), Cache(tmp_path / "cache")
    sources = {NAME: made_dataset(tmp_path / "one"), OTHER: made_dataset(tmp_path / "two", m=3)}
    for name, source in sources.items():
        publish(store, source, name, threads=1)
    return Place(store, sources, cache, pull(store, NAME, cache=cache, threads=1).path)


def mended_as_told(place: Place, message: str) -> None:
    """Do what the message says."""
    found = MENDING.search(message)
    assert found, message
    (name,) = (name for name in place.sources if str(name) == found[1])
    publish(Store.open(place.store.url), place.sources[name], name, again=True, threads=1)


def _in_the_store(place: Place, path: Path) -> None:
    """An object or a reference was harmed."""
    found = verify_store(place.store, threads=1)
    assert found.damages
    for damage in found.damages:
        assert path.name in damage.message
    for name in place.sources:
        cache = Cache(place.cache.root.with_name("fresh"))
        if str(name) in {damage.name for damage in found.damages}:
            with pytest.raises(StoreError, match=path.name):
                pull(place.store, name, cache=cache, threads=1)
            assert not list(cache.root.rglob(f"data@v{name.version}"))
        shutil.rmtree(cache.root, ignore_errors=True)
    mended_as_told(place, found.damages[0].message)


def _in_the_record(place: Place, path: Path) -> None:
    """What the store itself is was harmed: it gets another id."""
    with pytest.raises(StoreError, match=f"Remove {STORE_RECORD} and run xlt-augment store init") as caught:
        Store.open(place.store.url)
    assert str(path) in str(caught.value)
    path.unlink()
    place.store = Store.init(place.store.url, SAFE)
    place.folder = pull(place.store, NAME, cache=place.cache, threads=1).path


def _in_the_cache(place: Place, path: Path) -> None:
    name = next((name for name in contents(place.folder) if (place.folder / name).samefile(path)), None)
    if name is not None:
        with pytest.raises(DatasetError, match=re.escape(str(place.folder / name))):
            check_files(place.folder, Manifest.read(place.folder), rehash=True)
    done = pull(place.store, NAME, cache=place.cache, threads=1)
    assert len(done.mended) == 1
    assert path.name in done.mended[0] or place.cache.path(path.name).name in done.mended[0]


def _victims(place: Place) -> list[tuple[Callable[[Place, Path], None], list[Path]]]:
    objects = [place.file(object_path(file.sha256)) for file in place.store.artifact(place.store.reference(NAME)).files]
    manifests = [place.file(object_path(reference.artifact)) for reference in place.store.references()]
    references = [place.file(reference_path(name)) for name in (NAME, OTHER)]
    cached = [path for path in (place.cache.root / "objects").rglob("*") if path.is_file()]
    return [
        (_in_the_store, objects), (_in_the_store, manifests), (_in_the_store, references),
        (_in_the_record, [place.file(STORE_RECORD)]), (_in_the_cache, cached), (_in_the_cache, [place.record]),
    ]  # fmt: skip


def test_every_flipped_bit_is_found_named_and_mended(place: Place) -> None:
    chance = random.Random(300)
    for number in range(FLIPS):
        look, files = _victims(place)[number % 6]
        victim = chance.choice(sorted(files))
        before = victim.read_bytes()
        flip(victim, chance)
        look(place, victim)
        if look is not _in_the_record and "references" not in victim.parts:
            assert victim.read_bytes() == before
        place.sound()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


@pytest.mark.parametrize("harm", [_cut, _empty, _longer, Path.unlink])
@pytest.mark.parametrize("kind", ["object", "manifest", "reference"])
def test_cut_empty_and_missing_files_are_found_and_mended(harm: Callable[[Path], None], kind: str, place: Place) -> None:
    reference = place.store.reference(NAME)
    sha256 = place.store.artifact(reference).files[0].sha256 if kind == "object" else reference.artifact
    victim = place.file(reference_path(NAME) if kind == "reference" else object_path(sha256))
    harm(victim)
    if kind == "reference" and harm is Path.unlink:
        with pytest.raises(StoreError, match="in versions v2"):
            pull(place.store, NAME, cache=place.cache)
        return
    _in_the_store(place, victim)
    place.sound()


def test_objects_that_changed_places_are_found_and_mended(place: Place) -> None:
    first, second, *_ = (
        place.file(object_path(file.sha256)) for file in place.store.artifact(place.store.reference(NAME)).files
    )
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    found = verify_store(place.store)
    assert len(found.damages) == 2
    assert all(path.name in "".join(damage.message for damage in found.damages) for path in (first, second))
    mended_as_told(place, found.damages[0].message)
    place.sound()


@pytest.mark.parametrize("kind", ["object", "reference"])
def test_a_folder_in_place_of_a_file_is_named(kind: str, place: Place) -> None:
    file = place.store.artifact(place.store.reference(NAME)).files[0]
    victim = place.file(object_path(file.sha256) if kind == "object" else reference_path(NAME))
    victim.unlink()
    (victim / "inside").mkdir(parents=True)
    (victim / "inside" / victim.name).write_text("not ours")
    with pytest.raises(StoreError, match=victim.name):
        pull(place.store, NAME, cache=Cache(place.cache.root.with_name("fresh")))
    with pytest.raises(StoreError, match=victim.name):
        publish(place.store, place.sources[NAME], NAME, again=True)
    shutil.rmtree(victim)
    if kind == "object":
        publish(place.store, place.sources[NAME], NAME)
        place.sound()


def test_a_reference_that_was_copied_is_no_other_version(place: Place) -> None:
    for copy in (NAME.at(3), Name("team", "thief", 1)):
        target = place.file(reference_path(copy))
        target.parent.mkdir(exist_ok=True)
        shutil.copy(place.file(reference_path(NAME)), target)
        with pytest.raises(StoreError, match=f"found the reference of {NAME}; expected that of {copy}"):
            pull(place.store, copy, cache=place.cache)
        assert [damage.name for damage in verify_store(place.store).damages] == [str(copy)]
        target.unlink()
    place.sound()


def test_what_is_no_reference_is_named(place: Place) -> None:
    stray = place.file("references/team/data/v01.json")
    stray.write_text("{}")
    with pytest.raises(StoreError, match="v01"):
        place.store.versions(NAME)


def test_an_unmended_reference_is_never_given_other_content(place: Place) -> None:
    victim = place.file(reference_path(NAME))
    content = victim.read_bytes()
    for harmed in (content.replace(b"xlt-reference/1", b"xlt-reference/2"), content[:40]):
        victim.write_bytes(harmed)
        for name in (NAME, Name("team", "data")):
            with pytest.raises(StoreError, match=re.escape(victim.name)):
                publish(place.store, place.sources[OTHER], name)
        with pytest.raises(StoreError, match=re.escape(victim.name)):
            publish(place.store, place.sources[OTHER], Name("team", "data"), again=True)
        assert victim.read_bytes() == harmed
    publish(place.store, place.sources[NAME], NAME, again=True)
    place.sound()


def test_the_cache_mends_files_that_were_replaced_or_are_missing(place: Place) -> None:
    table, gone = sorted(path for path in place.folder.iterdir() if path.is_file())[:2]
    table.unlink()
    table.write_text("something else")
    gone.unlink()
    place.record.unlink()
    pull(place.store, NAME, cache=place.cache)
    place.sound()
    assert LocalStorage(place.cache.root).size("objects") is None  # a folder, as it was
