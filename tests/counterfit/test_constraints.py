"""Files of pairs: what is read, what is refused and where; what pairs become as rows of the vectors."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlt_augment.counterfit.constraints import PairList, read_pairs, resolve
from xlt_augment.errors import ConstraintError

INDEX = {word: row for row, word in enumerate("good fine bad big large small movie film".split())}


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "pairs.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "pairs"),
    [
        ("a b\nc d\n", [("a", "b"), ("c", "d")]),
        ("a b", [("a", "b")]),  # no newline at the end
        ("a    b \n  c d\n", [("a", "b"), ("c", "d")]),  # the shared PPDB file ends lines with a space
        ("a\tb\nc d\n", [("a", "b"), ("c", "d")]),
        ("New York\tBig Apple\n", [("New York", "Big Apple")]),
        ("a \t b\n", [("a", "b")]),
        ("a\tb\t\n", [("a", "b")]),
        ("\ta\tb\n", [("a", "b")]),
        ("\ta b\t\n", [("a", "b")]),
        ("a b\r\nc\td\r\n", [("a", "b"), ("c", "d")]),
        ("\ufeffa b\n", [("a", "b")]),
        ("\n  \n\t\na b\n\n", [("a", "b")]),
        ("# one\na b\n  # two words\n#c d\n", [("a", "b")]),
        ("\t# one\na b\n", [("a", "b")]),
        ("a #b\n", [("a", "#b")]),
        ("a b\na b\nb a\n", [("a", "b"), ("a", "b"), ("b", "a")]),  # as they are; resolve counts them once
        ("хороший плохой\nschön hübsch\n", [("хороший", "плохой"), ("schön", "hübsch")]),
        ("a\u00a0b c\n", [("a\u00a0b", "c")]),  # a hard space is part of a word
        ("a\u2028x b\x0cy\n", [("a\u2028x", "b\x0cy")]),  # no line ends but \n
    ],
)
def test_what_is_read(content: str, pairs: list[tuple[str, str]], tmp_path: Path) -> None:
    assert read_pairs(write(tmp_path, content)).pairs == pairs


def test_lower_case(tmp_path: Path) -> None:
    path = write(tmp_path, "Good BAD\nÄrger\tGroßer Spaß\n")
    assert read_pairs(path).pairs == [("Good", "BAD"), ("Ärger", "Großer Spaß")]
    assert read_pairs(path, lower=True).pairs == [("good", "bad"), ("ärger", "großer spaß")]


def test_where_from(tmp_path: Path) -> None:
    content = b"# c\na b\nc d\n"
    found = read_pairs(str(write(tmp_path, content)))
    assert found.made == {"name": "pairs.txt", "sha256": hashlib.sha256(content).hexdigest(), "pairs": 2}


@pytest.mark.parametrize(
    ("content", "line", "found"),
    [
        ("a b\nc\n", 2, r"1 word \('c'\)"),
        ("# c\n\na b c\n", 3, r"3 words \('a b c'\)"),
        ("a b\n\nc d\tx y\tz\n", 3, "3 words"),
        ("a\t\n", 1, "1 word "),
        ("\tb\n", 1, "1 word "),
        ("a\t\tb\n", 1, "3 words"),
        ("a b\rc d\r", 1, "3 words"),  # an old Mac's file is one line
        ("x" * 500 + "\n", 1, r"1 word \('x{60}'\)"),
    ],
)
def test_lines_that_are_no_pair(content: str, line: int, found: str, tmp_path: Path) -> None:
    path = write(tmp_path, content)
    with pytest.raises(ConstraintError, match=found) as caught:
        read_pairs(path)
    assert caught.value.doing == f"reading the pairs in {path}:{line}"
    assert caught.value.expected == "two words"


@pytest.mark.parametrize("content", ["", "\n\n", "# only a comment\n", "\ufeff"])
def test_a_file_without_a_pair(content: str, tmp_path: Path) -> None:
    with pytest.raises(ConstraintError, match=r"pairs\.txt: found no pair"):
        read_pairs(write(tmp_path, content))


def test_files_that_cannot_be_read(clean_folder: Path) -> None:
    write(clean_folder, b"a b\nc \xff\n")
    with pytest.raises(ConstraintError, match=r"reading the pairs in pairs\.txt:2: found .*0xff"):
        read_pairs("pairs.txt")
    with pytest.raises(ConstraintError, match=r"reading the pairs in none\.txt: found No such file or directory"):
        read_pairs("none.txt")
    (clean_folder / "folder").mkdir()
    with pytest.raises(ConstraintError, match="reading the pairs in folder: found Is a directory"):
        read_pairs("folder")


WORDS = st.text(st.characters(exclude_categories=["Cs", "Z", "C"]), min_size=1, max_size=6).filter(lambda word: word[0] != "#")


@given(
    pairs=st.lists(st.tuples(WORDS, WORDS), min_size=1),
    separator=st.sampled_from([" ", "\t", "   "]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_pairs_come_back(pairs: list[tuple[str, str]], separator: str, end: str, tmp_path: Path) -> None:
    path = write(tmp_path, "".join(f"{a}{separator}{b}{end}" for a, b in pairs))
    assert read_pairs(path).pairs == pairs
    assert read_pairs(path, lower=True).pairs == [(a.lower(), b.lower()) for a, b in pairs]


def listed(*pairs: str, name: str = "list") -> PairList:
    return PairList([(a, b) for a, b in (pair.split("/") for pair in pairs)], {"name": name, "pairs": len(pairs)})


def test_rows_and_counts() -> None:
    synonyms = [
        listed("good/fine", "fine/good", "good/fine", "large/big", "good/none", "none/nil", "big/big", name="one"),
        listed("good/fine", "movie/film", "bad/good", name="two"),
    ]
    antonyms = [listed("good/bad", "small/big", "up/down", name="three")]
    found = resolve(INDEX, synonyms, antonyms)
    assert found.synonyms.tolist() == [[0, 1], [3, 4], [6, 7]]
    assert found.antonyms.tolist() == [[0, 2], [3, 5]]
    assert found.synonyms.dtype == found.antonyms.dtype == "int32"
    assert found.made == {
        "synonyms": [
            {"name": "one", "pairs": 7, "used": 2, "pairs_outside": 2, "words_outside": 2, "same_word": 1},
            {"name": "two", "pairs": 3, "used": 3, "pairs_outside": 0, "words_outside": 0, "same_word": 0},
        ],
        "antonyms": [{"name": "three", "pairs": 3, "used": 2, "pairs_outside": 1, "words_outside": 2, "same_word": 0}],
        "synonyms_used": 3,
        "antonyms_used": 2,
        "both_kinds": 1,
    }


def test_a_pair_in_both_kinds_is_an_antonym_whichever_way_round() -> None:
    found = resolve(INDEX, [listed("bad/good", "big/large")], [listed("good/bad")])
    assert found.synonyms.tolist() == [[3, 4]]
    assert found.antonyms.tolist() == [[0, 2]]
    assert found.made["both_kinds"] == 1


def test_nothing_known() -> None:
    found = resolve(INDEX, [listed("x/y")], [])
    assert found.synonyms.shape == found.antonyms.shape == (0, 2)
    assert found.made["synonyms"][0]["words_outside"] == 2
    assert found.made["antonyms"] == []


@given(pairs=st.lists(st.tuples(*[st.sampled_from([*INDEX, "none", "nil"])] * 2)))
def test_counts_add_up_and_order_does_not_matter(pairs: list[tuple[str, str]]) -> None:
    found = resolve(INDEX, [PairList(pairs, {})], [])
    counts = found.made["synonyms"][0]
    known = [{INDEX[a], INDEX[b]} for a, b in pairs if {a, b} <= INDEX.keys()]
    assert counts["pairs_outside"] == len(pairs) - len(known)
    assert counts["same_word"] == sum(len(rows) == 1 for rows in known)
    assert counts["used"] == len(found.synonyms) == len({frozenset(rows) for rows in known if len(rows) == 2})
    again = resolve(INDEX, [PairList([(b, a) for a, b in reversed(pairs)], {})], [])
    assert again.synonyms.tolist() == found.synonyms.tolist() == sorted(found.synonyms.tolist())
    assert (found.synonyms[:, 0] < found.synonyms[:, 1]).all()


def test_the_shared_files(shared_data: Path) -> None:
    """Every line but blank ones is a pair."""
    for name in ("ppdb_synonyms", "ppdb_antonyms", "wordnet_antonyms"):
        path = shared_data / "constraints" / f"{name}.txt"
        lines = [line.split() for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
        assert read_pairs(path).pairs == [(a, b) for a, b in lines]
