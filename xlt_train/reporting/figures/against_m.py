"""Accuracy against m, the number of variants of each sentence (Huang et al. 2021, Figure 3)."""

from collections.abc import Sequence

import numpy as np

from xlt_train.reporting.drawing import Drawing, Series
from xlt_train.reporting.figures.curves import curves

_SPREAD = 8  # from this ratio on, a linear axis would crowd the small m, where most happens


def accuracy_against_m(name: str, title: str, series: Sequence[Series], *, baseline: float | None = None) -> Drawing:
    """Draw accuracies (fractions) with intervals over m, a line a system; the axis is logarithmic where m spans far.

    One column of print. Raises ReportError as `curves` does.
    """
    places = np.concatenate([np.asarray(one.x, float) for one in series]) if series else np.zeros(0)
    far = bool(places.size and places.min() > 0 and places.max() >= _SPREAD * places.min())
    return curves(name, title, series, x_title="m, variants of each sentence", baseline=baseline, logarithmic=far)
