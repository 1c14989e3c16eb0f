"""Average accuracy against a hyper-parameter: alpha, beta, a layer, the share of a dictionary (Ding et al. 2022, Figure 6)."""

from collections.abc import Sequence

from xlt_train.reporting.drawing import Drawing, Series
from xlt_train.reporting.figures.curves import curves


def hyper_parameter(
    name: str,
    title: str,
    series: Sequence[Series],
    *,
    x_title: str,
    baseline: float | None = None,
    x_names: Sequence[str] | None = None,
    logarithmic: bool = False,
) -> Drawing:
    """Draw accuracies (fractions) with intervals over a setting; `x_names` where it is a choice, x then its place in them.

    One column of print. Raises ReportError as `curves` does.
    """
    return curves(name, title, series, x_title=x_title, baseline=baseline, names=x_names, logarithmic=logarithmic)
