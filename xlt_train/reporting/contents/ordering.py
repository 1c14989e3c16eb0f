"""Languages by their distance from the source, by whichever measure was asked for."""

from collections.abc import Sequence
from typing import NamedTuple

from xlt_train.errors import UsageError
from xlt_train.languages.distance import DEFAULT_METRIC, Distances, Order, order
from xlt_train.reporting.contents.from_published import printed_order, task_of
from xlt_train.reporting.contents.words import Probed

PROBED = "probe"  # the first paper's own measure: mean Euclidean distance of aligned words
PRINTED = "published"  # the order of the papers' tables, which no metric of URIEL has


class Ranked(NamedTuple):
    """The order, and what its distances are, as the axis of a figure says it."""

    order: Order
    about: str


def ranked(
    languages: Sequence[str], source: str, metric: str | None, known: Distances, probes: Sequence[Probed], *, default: str
) -> Ranked:
    """`languages` by `metric`: one of `known`, `PROBED` or `PRINTED`; by `default` where it is None.

    `PROBED` takes the last depth of the first probe, `PRINTED` places in the header of the papers' matrices for distances.
    Raises UsageError for no such metric, or a source that is none of the languages.
    """
    if source not in languages:
        raise UsageError(
            "choosing the source language",
            found=source,
            expected=f"one of {', '.join(languages)}",
            remedy="Name it with --source",
        )
    chosen = metric or default
    if chosen == PROBED:
        return Ranked(_probed(languages, source, probes), f"Euclidean distance of aligned words to {source}")
    if chosen == PRINTED:
        return Ranked(_printed(languages, source), "place in the papers' order by distance")
    if chosen not in known.metrics:
        raise UsageError(
            "sorting languages by distance",
            found=f"the metric {chosen!r}",
            expected=f"one of {', '.join((*known.metrics, PROBED, PRINTED))}",
            remedy="Choose one of them",
        )
    return Ranked(known.order(languages, source, chosen), f"{chosen} distance to {source} ({known.name})")


def _probed(languages: Sequence[str], source: str, probes: Sequence[Probed]) -> Order:
    if not probes:
        raise UsageError(
            "sorting languages by the distance of aligned words",
            found="runs that were not probed",
            expected="at least one",
            remedy="Measure it: xlt-train probe RUN --test-dir DIR",
        )
    depth = probes[0].probe.settings["depths"][-1]
    found = {one.language: one.depths[depth].distances.euclidean for one in probes[0].probe.languages}
    return order(languages, source, {(source, name): value for name, value in found.items() if value is not None})


def _printed(languages: Sequence[str], source: str) -> Order:
    task = task_of(languages)
    if task is None or source != "en":
        raise UsageError(
            "sorting languages as the papers' tables do",
            found=f"{', '.join(languages)}, from {source}",
            expected="languages of PAWS-X or XNLI, from en",
            remedy=f"Choose another --metric, such as {DEFAULT_METRIC}",
        )
    return order(languages, source, {(source, name): float(k) for k, name in enumerate(printed_order(task))})
