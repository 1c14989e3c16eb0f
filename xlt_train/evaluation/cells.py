"""The cells of a language matrix, and the units of work that they are judged in."""

from collections.abc import Sequence

from xlt_train.data.assemble import Cell
from xlt_train.errors import UsageError

SAME, ALL = "same", "all"
UNIT_ROWS = 8_192  # enough for full batches of every length, little enough to lose


def cells_of(languages: Sequence[str], pairs: str, texts: int) -> list[Cell]:
    """Row-major, in the order of `languages`: all pairs, or each language with itself (with None where `texts` is 1).

    Raises UsageError for all pairs of single texts.
    """
    if pairs not in (SAME, ALL):
        raise UsageError("reading --pairs", found=repr(pairs), expected=f"{SAME} or {ALL}", remedy="Choose one of them")
    if texts == 1:
        if pairs == ALL:
            raise UsageError(
                "reading --pairs",
                found=f"{ALL}, for a run that was trained on single texts",
                expected="a run trained on pairs of texts, of which the second can be in another language",
                remedy="Leave out --pairs",
            )
        return [(language, None) for language in languages]
    return [(a, b) for a in languages for b in languages if pairs == ALL or a == b]


def units_of(cells: Sequence[Cell], items: int, rows: int) -> list[list[Cell]]:
    """Consecutive cells of at most so many rows together, one cell at least."""
    many = max(1, rows // items)
    return [list(cells[k : k + many]) for k in range(0, len(cells), many)]
