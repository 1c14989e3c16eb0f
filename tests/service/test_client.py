"""The client: RemoteSynonymSet is the local set, seen through a service; errors and tokens as its documentation says."""

import http.server
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.service.desk import HOSTILE
from tests.service.process import Served, serving
from xlt_augment import Substitute, SynonymSet, augment
from xlt_augment.errors import ServiceError, SynonymError, UsageError, XltError
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


# What answers in the place of a service


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that answers everything so, and the headers of the requests that came."""
    seen: list[dict[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.append(dict(self.headers))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body", "kind", "found"),
    [
        (200, b"<html>", "text/html", "no JSON object, but text/html with status 200"),
        (200, b"{", "application/json", "no JSON object"),
        (200, b"[" * 100_000, "application/json", "no JSON object"),
        (200, b"[]", "application/json", "no JSON object"),
        (302, b"", "text/html", "status 302"),
        (500, b"trace", "text/plain", "status 500"),
        (500, b'{"error": null}', "application/json", "status 500"),
        (404, b'{"error": {"id": 1}}', "application/json", "status 404"),
        (304, b"", "application/json", "status 304"),
    ],
)
def test_what_no_service_answers_is_a_service_error(status: int, body: bytes, kind: str, found: str) -> None:
    with answering(status, body, Content_Type=kind) as (url, _), Client(url) as client:
        with pytest.raises(ServiceError) as caught:
            client.sets()
    assert found in caught.value.found
    assert (caught.value.status, caught.value.id) == (status, None)


def test_a_set_that_arrives_damaged_is_refused(tmp_path: Path) -> None:
    SynonymSet.from_mapping({"movie": ["film"]}).save(tmp_path / "a.arrow")
    content = (tmp_path / "a.arrow").read_bytes()
    arrow = "application/vnd.apache.arrow.stream"
    for body, tag in ((content[:-300], '"0"'), (content.replace(b"film", b"fjlm"), '"0"'), (content, '"0123-1"'), (b"", '"0"')):
        with answering(200, b"{}", Content_Type="application/json") as (url, _), Client(url) as client:
            remote = client.set("a")
        with answering(200, body, Content_Type=arrow, ETag=tag) as (url, _), Client(url) as client:
            remote._connection = client._connection
            with pytest.raises(ServiceError, match="no synonym set|another in its ETag"):
                remote.download()


def test_a_service_that_is_not_there_or_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Client(url, timeout=0.1) as client, pytest.raises(ServiceError, match="nothing within 0.1 s"):
            client.sets()
    with Client(url) as client, pytest.raises(ServiceError, match=r"Connection refused.*xlt-augment serve"):
        client.sets()


SECRET = "secret-0123456789"


@pytest.mark.parametrize("given", ["argument", "address", "environment"])
def test_the_token_is_sent_and_never_shown(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(500, b"", Content_Type="text/plain") as (url, seen):
        if given == "environment":
            monkeypatch.setenv("XLT_SERVICE_TOKEN", SECRET)
        client = Client(f"{url}/#token={SECRET}" if given == "address" else url, SECRET if given == "argument" else None)
        with client, pytest.raises(ServiceError) as caught:
            client.sets()
    assert seen[0]["Authorization"] == f"Bearer {SECRET}"
    assert SECRET not in repr(client) + repr(vars(client)) + str(caught.value) + repr(caught.value)


@pytest.mark.parametrize(
    "url", ["http://example.org", "http://192.0.2.1:8765", "http://127.0.0.1.example.org", "http://[2001:db8::1]"]
)
def test_a_token_goes_over_http_to_this_machine_only(url: str) -> None:
    with pytest.raises(UsageError, match="a token that would go there as it is") as caught:
        Client(url, SECRET)
    assert SECRET not in str(caught.value)
    Client(url)
    Client(url, SECRET, insecure=True)
    Client(url.replace("http:", "https:"), SECRET)
    for here in ("http://localhost:1", "http://127.0.0.9", "http://[::1]:8765/prefix/"):
        Client(here, SECRET)


@pytest.mark.parametrize(
    "url",
    [
        *("", "ftp://a", "127.0.0.1:8765", "http://", f"http://me:{SECRET}@a", "http://a:99999999", "http://a/?token=1"),
        *("http://a b", "http://[a", "http://a/\r\nX: y"),
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="reading the address") as caught:
        Client(url)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "é", "\0"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(UsageError, match="reading the token") as caught:
        Client("http://127.0.0.1", token)
    assert token not in str(caught.value)


def test_the_client_needs_the_standard_library_alone() -> None:
    code = "import sys; from xlt_augment.service.client import Client; Client('http://127.0.0.1'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"fastapi", "starlette", "pydantic", "uvicorn", "pyarrow", "numpy", "numba", "rapidfuzz", "click"}


def test_errors_are_errors_of_xlt() -> None:
    assert issubclass(ServiceError, XltError)
