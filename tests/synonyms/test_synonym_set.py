"""Synonym sets: lossless between JSON and Arrow, one identity whatever the file, damage found on opening."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.command import run_here
from tests.damage import flipped
from xlt_augment import SynonymSet
from xlt_augment.errors import SynonymError
from xlt_augment.resources import resource
from xlt_augment.synonyms.table import SCHEMA, groups_to_mapping

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r\0"), min_size=1, max_size=8)
MAPPINGS = st.dictionaries(WORDS, st.lists(WORDS, max_size=4), min_size=1, max_size=12)


@given(mapping=MAPPINGS)
def test_json_and_arrow_hold_the_same(mapping: dict[str, list[str]], tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(mapping), encoding="utf-8")
    first = SynonymSet.from_json(tmp_path / "a.json")
    first.save(tmp_path / "a.arrow")
    second = SynonymSet.load(tmp_path / "a.arrow")
    second.save_json(tmp_path / "b.json")
    assert json.loads((tmp_path / "b.json").read_bytes()) == mapping
    assert first.sha256 == second.sha256 == SynonymSet.from_mapping(mapping).sha256
    assert second.made["from"] == "a.json"
    for word, neighbors in mapping.items():
        assert [n.word for n in second.neighbors(word)] == neighbors


def test_identity_is_the_content_alone() -> None:
    one = SynonymSet.from_mapping({"a": ["b", "c"], "d": []}, name="one", made={"by": "hand"})
    assert one.sha256 == SynonymSet.from_mapping({"d": [], "a": ["b", "c"]}, name="two").sha256
    others = [{"a": ["c", "b"], "d": []}, {"a": ["b", "c"]}, {"a": ["b"], "d": ["c"]}, {"a": ["bc"], "d": []}]
    assert len({one.sha256, *(SynonymSet.from_mapping(other).sha256 for other in others)}) == 5


def test_distances_are_kept(tmp_path: Path) -> None:
    table = pa.table({"word": ["b", "a"], "neighbors": [["x"], ["y", "z"]], "distance": [[], [0.25, 0.5]]}).cast(SCHEMA)
    SynonymSet(table, "known").save(tmp_path / "s.arrow")
    found = SynonymSet.load(tmp_path / "s.arrow")
    assert found.neighbors("a") == [("y", 0.25), ("z", 0.5)]
    assert found.neighbors("b") == [("x", None)]
    assert found.statistics()["pairs_with_distance"] == 2
    odd = pa.table({"word": ["a"], "neighbors": [["y", "z"]], "distance": [[0.5]]}).cast(SCHEMA)
    with pytest.raises(SynonymError, match="distances for 'a'"):
        SynonymSet(odd, "odd")


def test_flipped_bits_of_the_arrow_form_are_found_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "s.arrow"
    original = SynonymSet.from_mapping({f"word{k}": [f"other{k}", "naïve"] for k in range(50)})
    original.save(path)
    found = 0
    for _ in flipped([path], 300):
        try:
            assert SynonymSet.load(path).table.equals(original.table)  # padding and the record of its making
        except SynonymError:
            found += 1
    assert found > 150


def test_groups_are_interchangeable() -> None:
    assert groups_to_mapping(["# nouns", "a b c", "", "c d"]) == {
        "a": ["b", "c"], "b": ["a", "c"], "c": ["a", "b", "d"], "d": ["c"]
    }  # fmt: skip


def test_the_default_set_is_useful() -> None:
    default = SynonymSet.default()
    assert "film" in [n.word for n in default.neighbors("movie")]
    assert default.statistics()["words_with_neighbors"] >= 10_000
    assert resource("synonyms/english-wordnet.arrow").stat().st_size < 2_000_000
    assert default.sha256 == SynonymSet.load("english-wordnet").sha256
    vetoes = resource("synonyms/vetoes-en.txt").read_text(encoding="utf-8").splitlines()[1:]
    assert {" ".join(pair) for pair in default.vetoes} == set(vetoes)
    assert default.made["from"]["made"]["constraints"]["synonyms"][0]["version"] == "3.0"


def test_lookup_of_an_unknown_word_says_so() -> None:
    small = SynonymSet.from_mapping({"b": ["c"]})
    assert "b" in small
    assert "a" not in small
    assert 7 not in small
    for word in ("a", "c", "B", ""):
        with pytest.raises(SynonymError, match="no such word"):
            small.neighbors(word)


def test_the_published_set_round_trips(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    published = shared_data / "synonyms" / "counterfitted_neighbors.json"
    assert run_here(capsys, "synonyms", "import", published, tmp_path / "p.arrow").code == 0
    assert run_here(capsys, "synonyms", "export", tmp_path / "p.arrow", tmp_path / "p.json").code == 0
    assert json.loads((tmp_path / "p.json").read_bytes()) == json.loads(published.read_bytes())
    facts = json.loads(run_here(capsys, "synonyms", "info", tmp_path / "p.arrow", "--json").out)
    assert (facts["words"], facts["words_with_neighbors"], facts["most_neighbors"]) == (49_975, 49_975 - 24_384, 8)
    shown = run_here(capsys, "synonyms", "lookup", "movie", "br", "--synonyms", tmp_path / "p.arrow").out
    assert shown == (
        "movie: film, filmmaking, films, movies, cinema, cinematographic, cinematic, cinematography\nbr: no neighbor\n"
    )


def test_the_commands_work_on_the_default_set(clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "sha256" in run_here(capsys, "synonyms", "info").out
    looked_up = json.loads(run_here(capsys, "synonyms", "lookup", "movie", "--json").out)
    assert "film" in [n["word"] for n in looked_up["movie"]]
    assert run_here(capsys, "synonyms", "export", "default", "d.json").code == 0
    assert run_here(capsys, "synonyms", "import", "d.json", "d.arrow").code == 0
    assert SynonymSet.load("d.arrow").to_mapping() == SynonymSet.default().to_mapping()
    assert run_here(capsys, "synonyms", "import", "d.json", "missing/d.arrow").code == 1
    assert sorted(p.name for p in Path().iterdir()) == ["d.arrow", "d.json"]
