"""Checks that the statistics share: shapes that match, settings in their range."""

import numpy as np

from xlt_train.errors import StatisticsError

MIN_DRAWS = 99  # fewer cannot give an interval of 95% with both ends inside


def check_same_shape(doing: str, *arrays: np.ndarray) -> list[np.ndarray]:
    """The arrays as float64. Raises StatisticsError for shapes that differ, and for arrays without a row."""
    found = [np.asarray(array, dtype=np.float64) for array in arrays]
    shapes = list(dict.fromkeys(array.shape for array in found))
    if len(shapes) > 1:
        raise StatisticsError(
            doing,
            found=f"arrays of the shapes {' and '.join(map(str, shapes))}",
            expected="equal shapes",
            remedy="Compare the same seeds, pairs and items on both sides",
        )
    if found[0].ndim and not len(found[0]):
        raise StatisticsError(doing, found="an empty array", expected="at least one row", remedy="Give at least one run")
    return found


def check_draws(doing: str, draws: int) -> None:
    """Raises StatisticsError for too few draws."""
    if draws < MIN_DRAWS:
        raise StatisticsError(doing, found=f"{draws} draws", expected=f"{MIN_DRAWS} or more", remedy="Take 10,000")


def check_level(doing: str, level: float) -> None:
    """Raises StatisticsError for a level that is none."""
    if not 0 < level < 1:
        raise StatisticsError(doing, found=f"the level {level}", expected="one between 0 and 1", remedy="Take 0.95")
