"""Small synonym sets for the property tests, with and without distances and vetoes."""

from hypothesis import strategies as st

from xlt_augment import SynonymSet
from xlt_augment.synonyms.table import table_from_rows, table_rows

LETTERS = "abcdefg"
WORDS = st.sampled_from(LETTERS)
PAIRS = st.lists(st.tuples(WORDS, WORDS).filter(lambda pair: pair[0] != pair[1]), max_size=4)
DISTANCES = st.sampled_from([0.0, 0.125, 0.25, 0.5])  # few, so that ties are common
Row = tuple[list[str], list[float]]


@st.composite
def rows(draw: st.DrawFn, known: bool | None = None) -> Row:
    """Distinct neighbors, all with distances or all without."""
    neighbors = draw(st.lists(WORDS, max_size=4, unique=True))
    with_distances = draw(st.booleans()) if known is None else known
    return neighbors, [draw(DISTANCES) for _ in neighbors] if with_distances else []


def sets(known: bool | None = None, vetoes: st.SearchStrategy = PAIRS) -> st.SearchStrategy[SynonymSet]:
    """Sets of at most seven words."""
    found = st.dictionaries(WORDS, rows(known), min_size=1, max_size=7)
    return st.builds(lambda rows, pairs: from_rows(rows).veto(pairs), found, vetoes)


def from_rows(rows: dict[str, Row], name: str = "set") -> SynonymSet:
    """A set from word -> (neighbors, distances)."""
    return SynonymSet(table_from_rows((word, *row) for word, row in rows.items()), name)


def to_rows(synonyms: SynonymSet) -> dict[str, Row]:
    """The way back."""
    return {word: (neighbors, distances) for word, neighbors, distances in table_rows(synonyms.table)}
