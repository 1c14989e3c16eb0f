"""How all figures look: sizes in print, colours that colour-blind readers can tell apart, no setting of the user's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
T = TypeVar("T")

# The page swaps these for its own colours, so that a figure can be read on a dark screen: each stands for one meaning.
INK, MUTED, GRID, PAPER = "#1b1f24", "#56606b", "#d3d8de", "#fefefe"
# Okabe and Ito 2008, "Color Universal Design", ordered so that the first ones differ most in lightness too
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "^", "s", "D", "v", "P")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1.5, 1.5)), (0, (8, 2)), (0, (3, 1)))
TEXT, SMALL, LEAST = 7.5, 6.5, 5.0  # points at print size: text, labels, and the least that is printed

_RC: dict[str, Any] = {
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "axes.labelsize": TEXT,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": TEXT,
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so the same everywhere
    "font.size": TEXT,
    "hatch.color": MUTED,
    "hatch.linewidth": 0.5,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.0,
    "svg.fonttype": "path",  # letters as outlines: the same on every machine, in every browser and in print
    "svg.hashsalt": "xlt",
    "text.color": INK,
    "text.parse_math": False,  # a name may hold dollar signs
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "xtick.labelsize": SMALL,
    "xtick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "xtick.minor.size": 0.0,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.labelsize": SMALL,
    "ytick.major.size": 2.5,
    "ytick.major.width": 0.6,
}


@contextmanager
def style() -> Iterator[None]:
    """Our settings over matplotlib's own defaults, until the block ends; a user's matplotlibrc counts for nothing in it."""
    import matplotlib

    settings: dict[Any, Any] = {
        key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith("backend")
    }
    settings.update(_RC)
    with matplotlib.rc_context(settings):
        yield


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """A function that draws, within `style`."""

    @wraps(draw)
    def within(*args: P.args, **kwargs: P.kwargs) -> T:
        with style():
            return draw(*args, **kwargs)

    return within


def canvas(width: float, height: float) -> "Figure":
    """An empty figure of that print size in inches, drawn by Agg, known to nobody else."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=144)
    FigureCanvasAgg(figure)
    return figure


def axes_at(figure: "Figure", left: float, bottom: float, width: float, height: float) -> "Axes":
    """Axes at a place in inches from the lower left corner."""
    whole_width, whole_height = figure.get_size_inches()
    return figure.add_axes((left / whole_width, bottom / whole_height, width / whole_width, height / whole_height))


def look(k: int) -> dict[str, Any]:
    """Colour, marker and dashes of the k-th system: never colour alone."""
    return {
        "color": SERIES[k % len(SERIES)],
        "marker": MARKERS[k % len(MARKERS)],
        # markers repeat after as many as there are colours, so dashes shift then
        "linestyle": DASHES[(k + k // len(DASHES)) % len(DASHES)],
        "markeredgecolor": PAPER,
        "markeredgewidth": 0.4,
    }


def signed(points: float) -> str:
    """A difference in points with its sign: +1.2, −0.4, 0.0."""
    text = f"{points:+.1f}"
    return (text.lstrip("+-") if not text.strip("+-0.") else text).replace("-", "−")
