"""The client: RemoteSynonymSet is the local set, seen through a service; errors and tokens as its documentation says."""

import pickle
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.service.desk import HOSTILE
from tests.service.process import Served, serving
from xlt_augment import Substitute, SynonymSet, augment
from xlt_augment.errors import ServiceError, SynonymError, UsageError
from xlt_augment.service.client import Client
from xlt_augment.service.remote import RemoteSynonymSet
from xlt_augment.synonyms.origins import Origin, Origins
from xlt_augment.synonyms.table import table_from_rows

LONG = "many"  # a word with more neighbors than a page holds
NOT_REMOTE = {
    "default",
    "load",
    "from_json",
    "from_mapping",
    "save",
    "save_json",
    "veto",
    "allow",
    "all_origins",
    "origins_sha256",
}
ALSO_REMOTE = {"facts", "words", "download"}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> SynonymSet:
    """A set with words that are hard to ask for, in a file."""
    path = tmp_path_factory.mktemp("sets") / "hard.arrow"
    rows = [(word, [f"{word}{k}" for k in range(3)], [0.1, 0.25, 0.3 + at / 100]) for at, word in enumerate(HOSTILE)]
    rows += [(LONG, [f"n{k}" for k in range(2_500)], []), ("none", [], [])]
    made = {"command": "test", "numbers": [1, 2.5, None]}
    kinds = (None, Origin("constraint", ("a.txt", "<b>"), 0.5), Origin("vectors", (), None))
    origins = Origins.of(kinds[k % 3] for k in range(sum(len(names) for _, names, _ in rows)))
    SynonymSet(table_from_rows(rows), "hard", made, [("b", "a"), ("c", "d")], origins).save(path)
    return SynonymSet.load(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def served(local: SynonymSet, folder: Path) -> Iterator[Served]:
    for name, synonyms in (("hard", local), ("other", SynonymSet.from_mapping({"movie": ["film"]}))):
        synonyms.save(folder / f"{name}.arrow")
    with serving(folder / "hard.arrow", folder / "other.arrow", "default", home=folder / "home") as found:
        yield found


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[Client]:
    with Client(served.address, timeout=20) as found:
        yield found


@pytest.fixture(scope="module")
def remote(client: Client) -> RemoteSynonymSet:
    return client.set("hard")


def outcome(work: Callable[[], object]) -> object:
    """What it returns, or the parts of the SynonymError but for the suggestions, which are chosen otherwise."""
    try:
        return work()
    except SynonymError as error:
        return error.doing, error.found, error.expected, error.remedy.partition(";")[0]


def test_it_has_the_public_names_of_a_synonym_set() -> None:
    def names(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert names(RemoteSynonymSet) - ALSO_REMOTE | {"name", "made", "table", "vetoes"} == (
        names(SynonymSet) - NOT_REMOTE | {"name", "made", "table", "vetoes"}
    )


def test_it_is_the_local_set(remote: RemoteSynonymSet, local: SynonymSet) -> None:
    for name in ("name", "sha256", "made", "vetoes"):
        assert getattr(remote, name) == getattr(local, name)
    for name in ("statistics", "origin", "to_mapping", "__len__"):
        assert getattr(remote, name)() == getattr(local, name)()
    assert remote.table.equals(local.table)
    assert repr(remote).startswith(f"RemoteSynonymSet('hard', {len(local):,} words, sha256 {local.sha256[:12]}")
    assert remote.has_origins
    assert [remote.origins(word) for word in (HOSTILE[0], HOSTILE[5], LONG)] == (
        [local.origins(word) for word in (HOSTILE[0], HOSTILE[5], LONG)]
    )
    assert remote.words() == local.table["word"].to_pylist()


@pytest.mark.parametrize("word", [*HOSTILE, LONG, "none", "", "absent", "a/absent", "x" * 66, "\ud800", "n\0"])
def test_each_word_is_looked_up_as_in_the_local_set(remote: RemoteSynonymSet, local: SynonymSet, word: str) -> None:
    assert (word in remote) == (word in local)
    if word.isprintable() or word in local:  # half a surrogate pair no Arrow function takes
        assert outcome(lambda: remote.neighbors(word)) == outcome(lambda: local.neighbors(word))
    else:
        with pytest.raises(SynonymError, match="no such word"):
            remote.neighbors(word)


@given(
    st.text(max_size=70) | st.sampled_from(HOSTILE).flatmap(lambda word: st.sampled_from([word.upper(), word * 2, word[:1]]))
)
def test_any_text_is_looked_up_as_in_the_local_set(remote: RemoteSynonymSet, local: SynonymSet, word: str) -> None:
    assert (word in remote) == (word in local)
    assert outcome(lambda: remote.neighbors(word)) == outcome(lambda: local.neighbors(word))


@pytest.mark.parametrize("strange", [None, 3, b"a", ["a"]])
def test_what_is_no_word_is_not_in_it(remote: RemoteSynonymSet, strange: object) -> None:
    assert strange not in remote


def test_an_unknown_word_is_an_error_with_close_ones(client: Client) -> None:
    synonyms = client.set("default")
    for word in ("moviee", "movie/s"):
        with pytest.raises(SynonymError) as caught:
            synonyms.neighbors(word)
        assert "close to it: movie" in caught.value.remedy


def test_words_by_prefix_and_by_spelling(remote: RemoteSynonymSet, client: Client, local: SynonymSet) -> None:
    words = local.table["word"].to_pylist()
    for prefix in ("a", "%", "../", "x", "é"):
        assert remote.words(prefix) == [word for word in words if word.startswith(prefix)]
    default = client.set("default")
    assert (
        default.words("mov", limit=3) == [w for w in SynonymSet.default().table["word"].to_pylist() if w.startswith("mov")][:3]
    )
    assert default.words(near="moviee", limit=2)[0] == "movie"
    with pytest.raises(UsageError, match="both prefix and near"):
        default.words("a", near="b")


def test_the_downloaded_set_is_the_set_and_works(remote: RemoteSynonymSet, client: Client, local: SynonymSet) -> None:
    whole = remote.download()
    assert (whole.sha256, whole.name, whole.made, whole.vetoes) == (local.sha256, local.name, local.made, local.vetoes)
    assert remote.download() is whole  # the ETag is still that one
    default = client.set("default").download()
    texts = ["The movie was wonderful."]
    assert augment(texts, Substitute(default, p=0.5), m=3) == augment(texts, Substitute(SynonymSet.default(), p=0.5), m=3)


def test_the_sets_are_there_in_their_order(client: Client) -> None:
    assert [synonyms.name for synonyms in client.sets()] == ["hard", "other", "default"]
    assert client.set().name == "hard"


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "x" * 65, "é", "a\n"])
def test_what_is_no_name_of_a_set_is_refused_here(client: Client, name: str) -> None:
    with pytest.raises(UsageError, match="finding a synonym set"):
        client.set(name)


def test_an_unknown_set_is_a_service_error_with_its_parts(client: Client) -> None:
    with pytest.raises(ServiceError) as caught:
        client.set("harrd")
    error = caught.value
    assert (error.status, error.close) == (404, ("hard",))
    assert error.id
    assert "no set called 'harrd'" in error.found
    assert vars(pickle.loads(pickle.dumps(error))) == vars(error)  # noqa: S301 - our own bytes


def test_an_answer_is_sent_once_for_each_etag(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    client, seen = Client(served.address), []
    inner = client._connection._exchange

    def spying(*args: object) -> object:
        seen.append(answer := inner(*args))  # type: ignore[arg-type]
        return answer

    monkeypatch.setattr(client._connection, "_exchange", spying)
    synonyms = client.set("default")
    with client:
        for _ in range(2):
            assert synonyms.neighbors("movie")[0].word
    assert [(answer.status, bool(answer.body)) for answer in seen] == [(200, True), (200, True), (304, False)]


@pytest.mark.parametrize("word", ["a/b", "..", "."])
def test_what_a_proxy_would_change_in_an_address_is_sent_in_a_body(
    remote: RemoteSynonymSet, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    seen = []
    inner = remote._connection._exchange

    def spying(method: str, target: str, *rest: object) -> object:
        seen.append((method, target))
        return inner(method, target, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(remote._connection, "_exchange", spying)
    assert remote.neighbors(word)
    assert seen == [("POST", "/v1/sets/hard/neighbors")]


def test_it_follows_when_the_service_opens_another_set(folder: Path, client: Client) -> None:
    synonyms, path = client.set("other"), folder / "other.arrow"
    before = synonyms.download()
    assert synonyms.neighbors("movie")[0].word == "film"
    assert not client.reload("other")
    SynonymSet.from_mapping({"movie": ["picture"], "film": []}).save(path)
    assert client.reload("other")
    assert [neighbor.word for neighbor in synonyms.neighbors("movie")] == ["picture"]
    now = synonyms.download()
    assert (len(synonyms), synonyms.sha256, now.sha256) == (2, now.sha256, SynonymSet.load(path).sha256)
    assert before.to_mapping() == {"movie": ["film"]}
    path.write_bytes(b"damaged")
    with pytest.raises(ServiceError) as caught:
        client.reload("other")
    assert caught.value.status == 409
    assert str(folder) not in str(caught.value)
    assert len(synonyms) == 2


def test_a_connection_that_was_closed_meanwhile_is_opened_again(client: Client) -> None:
    client.set("other")
    for connection in client._connection._idle:
        assert connection.sock
        connection.sock.shutdown(socket.SHUT_RDWR)
    assert len(client.set("other")) == 2


def test_more_variants_come_than_an_answer_in_json_holds(client: Client) -> None:
    texts, m = ["movie", "", "a good film"] * 70, client.facts["limits"]["variants"]
    assert len(texts) * m > client.facts["limits"]["pieces"]
    found = client.augment(texts, set="default", p=1, m=m, seed=2**64 - 1, first_id=7)
    assert found == augment(texts, Substitute(SynonymSet.default(), p=1), m=m, seed=2**64 - 1, first_id=7)


@pytest.mark.parametrize("p", [0, 1, 0.3, "uniform"])
def test_a_long_text_has_the_variants_of_the_library(client: Client, p: float) -> None:
    texts = [("The movie wasn't 中 good é😀. " * 400)[:10_000], ""]
    found = client.augment(texts, set="default", p=p, m=2, seed=2**64 - 1)
    assert found == augment(texts, Substitute(SynonymSet.default(), p=p), m=2, seed=2**64 - 1)
