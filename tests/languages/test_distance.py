"""Distances between languages: the embedded table, a user's own, and the order that they give."""

import re
from itertools import combinations
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from xlt_train.errors import TableError, UsageError
from xlt_train.files import sha256_file
from xlt_train.languages.distance import DEFAULT_METRIC, Distances, order
from xlt_train.published.tables import matrix
from xlt_train.resources import resource

LANGUAGES = "ar bg de el en es fr hi ja ko ru sw th tr ur vi zh".split()
METRICS = "genetic geographic syntactic inventory phonological featural".split()


@pytest.fixture(scope="module")
def uriel() -> Distances:
    return Distances.read()


def _table(folder: Path, *lines: str, header: str = "language_1,language_2,metric,value") -> Path:
    path = folder / "mine.csv"
    path.write_text("".join(f"{line}\n" for line in (header, *lines)), encoding="utf-8")
    return path


def test_the_embedded_table_has_every_pair_of_every_metric_but_the_gaps_that_it_names(uriel: Distances) -> None:
    assert uriel.metrics == tuple(METRICS)
    assert uriel.languages == set(LANGUAGES)
    missing = {(m, *pair) for m in METRICS for pair in combinations(LANGUAGES, 2) if uriel.between(*pair, m) is None}
    assert missing == {("phonological", *sorted((other, "ur"))) for other in LANGUAGES if other != "ur"}
    assert all(0 <= value <= 1 for values in uriel.values.values() for value in values.values())
    none = {(metric, *pair) for metric, values in uriel.values.items() for pair, value in values.items() if value == 0}
    assert none == {("genetic", "hi", "ur"), ("phonological", "bg", "hi"), ("phonological", "bg", "ru")}


def test_the_embedded_distances_are_about_these_languages(uriel: Distances) -> None:
    """What anyone knows of them: families, the map, word order."""
    families = ["bg de el en es fr hi ru ur".split(), ["ar"], ["ja"], ["ko"], ["sw"], ["th"], ["tr"], ["vi"], ["zh"]]
    family = {name: k for k, names in enumerate(families) for name in names}
    for a, b in combinations(LANGUAGES, 2):
        genetic = uriel.between(a, b, "genetic")
        assert genetic is not None
        assert (genetic == 1) == (family[a] != family[b]), (a, b)
    near = {
        a: min((b for b in LANGUAGES if b != a), key=lambda b: uriel.between(a, b, "genetic") or 0) for a in "en es bg".split()
    }
    assert near == {"en": "de", "es": "fr", "bg": "ru"}
    ranked = sorted(uriel.values["geographic"].items(), key=lambda entry: entry[1])
    assert (ranked[0][0], ranked[-1][0]) == (("bg", "el"), ("ja", "sw"))
    assert uriel.order(["ja", "de", "ko", "fr"], "ko", "syntactic").languages[:2] == ("ko", "ja")
    assert uriel.order(["hi", "tr", "fr", "ja"], "tr", "syntactic").languages[-1] == "fr"


def test_the_table_is_the_one_that_was_checked() -> None:
    text = (PROJECT / "data" / "languages" / "README.md").read_text(encoding="utf-8")
    assert sha256_file(resource("languages/distances.csv"))[:16] in text


def _stated() -> dict[str, tuple[float, float]]:
    text = (PROJECT / "data" / "languages" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| (-?\d\.\d\d) \| (-?\d\.\d\d) \|$", text, re.MULTILINE)
    return {metric: (float(xnli), float(pawsx)) for metric, xnli, pawsx in rows}


def test_the_default_is_nearest_to_the_papers_order_and_readme_says_how_near(uriel: Distances) -> None:
    """Spearman's rank correlation with the languages' places in the headers of Tables 7 to 9 and 4 to 6, English left out."""
    from scipy.stats import spearmanr

    found = {}
    for metric in METRICS:
        rho = []
        for name in ("7", "4"):
            places = [(k, uriel.between("en", lang, metric)) for k, lang in enumerate(matrix(name).languages) if lang != "en"]
            rho.append(spearmanr(*zip(*[(k, value) for k, value in places if value is not None])).statistic)
        found[metric] = tuple(rho)
    assert {metric: pytest.approx(rho, abs=0.0051) for metric, rho in found.items()} == _stated()
    assert max(found, key=lambda metric: sum(found[metric])) == DEFAULT_METRIC
    assert max(rho[0] for rho in found.values()) == found[DEFAULT_METRIC][0]
    assert max(rho[1] for rho in found.values()) == found[DEFAULT_METRIC][1]


def test_the_order_from_english(uriel: Distances) -> None:
    found = uriel.order(matrix("9").languages, "en")
    assert found.languages == tuple("en de es bg fr ru el zh vi ar th hi ur tr sw".split())
    assert list(found.distances) == list(found.languages)
    assert found.distances["en"] == 0
    assert found.distances["de"] == uriel.between("en", "de") == uriel.between("de", "en", "syntactic") == 0.3582
    assert found.notes() == []
    assert uriel.order(matrix("4").languages, "en").languages == tuple("en de es fr zh ko ja".split())


def test_names_with_region_or_script_stand_at_the_distance_of_their_base(uriel: Distances) -> None:
    found = uriel.order(["zh-Hant", "de", "fr_CA", "zh"], "en-GB")
    assert found.languages == ("de", "fr_CA", "zh", "zh-Hant")
    assert found.distances["zh-Hant"] == found.distances["zh"] == uriel.between("en", "zh")
    assert found.read_as == {"en-GB": "en", "zh-Hant": "zh", "fr_CA": "fr"}
    assert "zh-Hant stands at the distance of zh." in found.notes()
    assert uriel.between("EN_us", "DE") == uriel.between("en", "de")
    assert uriel.between("zh-Hans", "zh-Hant") is None, "unknown, which is not 0"
    assert uriel.between("zh-Hans", "zh-Hans") == 0


def test_a_language_without_a_distance_is_named_and_last(uriel: Distances) -> None:
    found = uriel.order(["tlh", "de", "pt-BR", "en", "sw"], "en")
    assert found.languages == ("en", "de", "sw", "pt-BR", "tlh")
    assert found.without == ("pt-BR", "tlh")
    assert set(found.distances) == {"en", "de", "sw"}
    assert found.read_as == {}
    assert found.notes() == ["No distance is known for pt-BR, tlh: last in the order, left out of regressions."]
    gap = uriel.order(["ur", "hi", "de"], "de", "phonological")
    assert (gap.languages, gap.without) == (("de", "hi", "ur"), ("ur",))
    assert uriel.order(["ur-PK"], "de", "phonological").read_as == {}, "nothing stands for it"


def test_a_source_without_distances_stands_first_all_the_same(uriel: Distances) -> None:
    found = uriel.order(["de", "tlh", "ar"], "tlh")
    assert (found.languages, found.without, found.distances) == (("tlh", "ar", "de"), ("ar", "de"), {"tlh": 0})


def test_order_sorts_by_any_distance_in_either_direction_ties_by_name() -> None:
    found = order(
        ["d", "c", "b", "a", "e", "s"], "s", {("s", "d"): 0.0, ("c", "s"): 1.5, ("s", "b"): 1.5, ("s", "a"): float("nan")}
    )
    assert found.languages == ("s", "d", "b", "c", "a", "e")
    assert found.distances == {"s": 0, "d": 0, "b": 1.5, "c": 1.5}
    assert found.without == ("a", "e")


def test_all_pairs_of_a_metric_come_in_both_directions(uriel: Distances) -> None:
    pairs = uriel.pairs("phonological")
    assert len(pairs) == 16 * 15
    assert all(pairs[b, a] == value for (a, b), value in pairs.items())
    assert uriel.pairs() == uriel.pairs("syntactic")


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    mine = Distances.read(
        _table(tmp_path, "en,de,edits,2", "", "fr,en,edits,1.5", "en,fr,edits,1.5", "zh-Hant,en,edits,7", "en,zh,edits,")
    )
    assert (mine.name, mine.metrics, mine.metric) == ("mine.csv", ("edits",), "edits")
    assert mine.languages == {"en", "de", "fr", "zh", "zh-Hant"}
    found = mine.order(["zh-Hant", "de", "fr", "zh"], "en")
    assert found.languages == ("fr", "de", "zh-Hant", "zh")
    assert (found.without, found.read_as) == (("zh",), {})
    with pytest.raises(UsageError, match=r"mine\.csv: found the metric 'syntactic'; expected one of edits"):
        mine.between("en", "de", "syntactic")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["en,de,edits,far"], r"line 2: found 'far'; expected a number from 0 on"),
        (["en,de,edits,1", "en,fr,edits,-1"], r"line 3: found '-1'"),
        (["en,de,edits,nan"], r"found 'nan'"),
        (["en,de,edits,inf"], r"found 'inf'"),
        (["en,de,edits"], r"line 2: found 'en,de,edits'; expected two languages, a metric and a value"),
        (["en,de,,1"], r"expected two languages, a metric"),
        (["en,en,edits,1"], r"expected two languages"),
        (["en,de,edits,1", "de,en,edits,2"], r"line 3: found 2 for de and en \(edits\), which have 1.0 before"),
        (["en,de,edits,", "de,en,edits,2"], r"line 3: found 2 for de and en"),
        ([], r"found no line below the header"),
        (['en,de,edits,"1'], r"found unexpected end of data; expected a CSV file"),
    ],
)
def test_a_table_that_is_none_is_refused_with_its_line(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(TableError, match=message):
        Distances.read(_table(tmp_path, *lines))


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="found the header 'a,b,value'; expected language_1,language_2,metric,value"):
        Distances.read(_table(tmp_path, header="a,b,value"))
    with pytest.raises(TableError, match="found No such file"):
        Distances.read(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TableError, match="expected a CSV file in UTF-8"):
        Distances.read(tmp_path / "binary.csv")
    with_mark = tmp_path / "mark.csv"
    with_mark.write_text("\ufefflanguage_1,language_2,metric,value\nen,de,edits,1\n", encoding="utf-8")
    assert Distances.read(with_mark).between("de", "en", "edits") == 1
