"""What is accepted can be written into a veto file and read back, whatever stands in the comments; what cannot is refused."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xlt_augment.errors import SynonymError
from xlt_augment.service import veto_file
from xlt_augment.service.failures import Refused
from xlt_augment.service.veto_text import pair_line, remark, struck_pair, veto_text
from xlt_augment.synonyms.vetoes import Pair, checked_pair, read_pairs

WORDS = st.text("#a é\t\n\r\0\u2028\ufeff\u202e\\😀\ud800", max_size=3)
TEXTS = st.text(st.sampled_from("# a\t\n\r\0\x85\u2028\u202e\ufeff\\"), max_size=6)


def _accepted(pair: Pair) -> Pair | None:
    try:
        return struck_pair(*pair)
    except Refused:
        return None


@given(pairs=st.lists(st.tuples(WORDS, WORDS), max_size=8), text=TEXTS)
@example(pairs=[("#a", "b"), ("b", "#"), ("a b", "a")], text="x\na b")
def test_every_pair_that_is_accepted_comes_back_from_the_file(pairs: list[Pair], text: str, tmp_path: Path) -> None:
    kept = [pair for pair in map(_accepted, pairs) if pair]
    path = tmp_path / "vetoes.txt"
    path.write_text(veto_text([text], [(text, pair) for pair in kept]), newline="")
    if kept:
        assert read_pairs(path) == kept
    else:
        with pytest.raises(SynonymError, match="no pair at all"):
            read_pairs(path)


@given(first=WORDS, second=WORDS)
@example(first="#a", second="#b")
@example(first="a", second="b\0")
@example(first="a", second="b\r")
@example(first="a", second="b ")
@example(first="a", second="")
def test_what_is_refused_could_not_come_back_and_the_file_refuses_it_too(first: str, second: str, tmp_path: Path) -> None:
    try:
        pair = checked_pair((first, second), "here")
    except SynonymError:
        assert _accepted((first, second)) is None
        ordered = min(first, second), max(first, second)
        assert "\ud800" in first + second or not _file_holds(ordered)
        return
    accepted = _accepted((first, second))
    assert accepted in (None, pair)
    assert _file_holds(pair) == (accepted is not None)
    if accepted is None:
        path = tmp_path / "vetoes.txt"
        for line in (pair_line(pair), pair_line(pair[::-1])):
            path.write_text(line, newline="")
            with suppress(SynonymError):
                assert read_pairs(path) != [pair]


def _file_holds(pair: Pair) -> bool:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(veto_file._SCHEMA)
        add = "INSERT INTO vetoes (set_name, set_sha256, first, second, author, reason, at) VALUES ('s', '', ?, ?, '', '', '')"
        try:
            connection.execute(add, pair)
        except sqlite3.IntegrityError:
            return False
        return True


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [("a", "a", "'a' twice"), ("a", "", "an empty word"), ("a", "b\tc", "line break, tab or NUL"), ("a", "b\n", "line break"),
     ("a", "b ", "spaces around 'b '"), (" a", "b", "spaces around"), ("#a", "#b", "two words that begin with #"),
     ("a", "\ud800", "surrogate")],
)  # fmt: skip
def test_a_pair_that_no_file_holds_is_refused_with_its_reason(first: str, second: str, says: str) -> None:
    with pytest.raises(Refused, match=says) as refused:
        struck_pair(first, second)
    assert refused.value.status == 422


@pytest.mark.parametrize("text", ["Ann", " 王 明 ", "می‌خواهم", "👩‍🔬 says: no, 100 % \\n", "é" * 64, "a\u3000b"])
def test_a_remark_is_trimmed_and_otherwise_kept(text: str) -> None:
    assert remark(text, "author", 64) == text.strip()


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "0 characters"), (" \n ", "0 characters"), ("a" * 65, "65 characters"), ("a\nb", "000A"), ("a\x1b[0m", "001B"),
     ("a\0", "0000"), ("\u202eabc", "202E"), ("a\u2066b", "2066"), ("a\u200fb", "200F"), ("a\ud800", "D800"),
     ("a\u2028b", "2028"), ("a\u2029b", "2029"), ("a\x85b", "0085"), ("a\ue000", "E000")],
)  # fmt: skip
def test_a_remark_that_is_empty_long_or_hides_something_is_refused(text: str, says: str) -> None:
    with pytest.raises(Refused, match=says) as refused:
        remark(text, "author", 64)
    assert refused.value.status == 422


def test_a_comment_stays_one_line_and_shows_what_is_hidden() -> None:
    assert veto_text(["a\nb c"], [("\u202ex", ("#a", "b"))]) == "# a\\nb c\n# \\u202ex\nb\t#a\n"
