"""Eight processes at once: who publish one name, and who pull it into one cache."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.backends import contents, new_store, report, s3_server
from tests.store.racing import race
from xlt_augment.store.cache import Cache
from xlt_augment.store.names import Name
from xlt_augment.store.publish import publish
from xlt_augment.store.repository import Store
from xlt_augment.store.verify import verify_store

RACERS = range(8)
NAME = Name("team", "raced")


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    if request.param == "local":
        found = new_store("local", tmp_path)
        monkeypatch.setenv("XLT_STORE", found.url)
        yield found
        return
    with s3_server(tmp_path):
        found = new_store("s3", tmp_path)
        monkeypatch.setenv("XLT_STORE", found.url)
        yield found


def test_the_same_content_becomes_one_version(store: Store, tmp_path: Path) -> None:
    source = report(tmp_path / "source", 1)
    outcomes = race([["store", "publish", source, NAME] for _ in RACERS], tmp_path / "race", together=True)
    assert [outcome.code for outcome in outcomes] == [0] * 8, outcomes
    winner = store.reference(NAME.at(1)).by
    assert store.versions(NAME) == [1]
    for number, outcome in enumerate(outcomes):
        first = outcome.out.splitlines()[0]
        if winner == f"racer-{number}":
            assert first == "published team/raced@v1"
        else:
            assert first.startswith(f"published team/raced@v1 is there already, published by {winner} at ")
    assert verify_store(store).damages == ()


def test_of_different_contents_one_is_the_version(store: Store, tmp_path: Path) -> None:
    sources = [report(tmp_path / f"source-{number}", number) for number in RACERS]
    commands = [["store", "publish", source, NAME] for source in sources]
    outcomes = race(commands, tmp_path / "race", together=True)
    assert Counter(outcome.code for outcome in outcomes) == {0: 1, 1: 7}, outcomes
    assert store.versions(NAME) == [1]
    winner = store.reference(NAME.at(1)).by
    for number, outcome in enumerate(outcomes):
        if winner == f"racer-{number}":
            assert outcome.out.startswith("published team/raced@v1\n")
        else:
            assert outcome.out == ""
            assert f"which {winner} published under that name" in outcome.err
            assert "publish again, and yours becomes the next version" in outcome.err
    lost = [number for number, outcome in enumerate(outcomes) if outcome.code]  # as the message says, all at once
    again = race([commands[number] for number in lost], tmp_path / "again")
    for number in [number for number, outcome in zip(lost, again, strict=True) if outcome.code]:
        publish(store, sources[number], NAME)
    assert store.versions(NAME) == list(range(1, 9))
    assert len({reference.artifact for reference in store.references()}) == 8
    assert verify_store(store).damages == ()


def test_one_cache_takes_concurrent_pulls(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = report(tmp_path / "source", 1)
    (source / "large.bin").write_bytes(bytes(range(256)) * 80_000)  # enough for all to find it unfinished
    publish(store, source, NAME)
    monkeypatch.setenv("XLT_CACHE", str(tmp_path / "cache"))
    outcomes = race([["store", "pull", NAME] for _ in RACERS], tmp_path / "race")
    assert [outcome.code for outcome in outcomes] == [0] * 8, outcomes
    (place,) = {outcome.out for outcome in outcomes}
    assert contents(Path(place.strip())) == contents(source)
    cache = Cache(tmp_path / "cache" / "store")
    assert cache.n_bytes() == sum(map(len, contents(source).values()))
    assert list((cache.root / "incoming").iterdir()) == []
    assert sum("are fetched into" in outcome.err for outcome in outcomes) >= 1
    assert sum(" 0 are fetched into" not in outcome.err and "are fetched" in outcome.err for outcome in outcomes) == 1
