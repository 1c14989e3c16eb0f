"""Transfer failures (Huang et al. 2021, Eq. 1): right in the source language, wrong in the target, and how far their words lie
apart.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xlt_train.data.examples import Layout
from xlt_train.errors import RunError
from xlt_train.evaluation.result import READ_FORMATS, RESULT_NAME
from xlt_train.evaluation.task import EVALUATIONS
from xlt_train.probing.distances import Distances, Pairs
from xlt_train.probing.texts import Parallel


@dataclass(frozen=True, kw_only=True)
class Group:
    """Some items: how many, the figures of their aligned words, and for each epsilon the share of items (of those with aligned
    words) whose words are all inside."""

    items: int
    distances: Distances
    items_inside: list[float] | None

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "Group":
        """The value that `asdict` made a dictionary of."""
        return cls(items=body["items"], distances=Distances.from_json(body["distances"]), items_inside=body["items_inside"])


@dataclass(frozen=True, kw_only=True)
class Failures:
    """Of `items` judged in both languages: by depth those right in the source alone (`failed`), and right in both (`kept`)."""

    items: int
    failed: dict[str, Group]
    kept: dict[str, Group]

    def to_json(self) -> dict[str, Any]:
        """As it stands in `probe.json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "Failures":
        """The value that `to_json` made a dictionary of."""
        groups = {key: {depth: Group.from_json(v) for depth, v in body[key].items()} for key in ("failed", "kept")}
        return cls(items=body["items"], **groups)


def transfer_failures(
    pairs: Pairs, source: Mapping[int, bool], target: Mapping[int, bool], norm: str, epsilons: Sequence[float]
) -> Failures:
    """`source`, `target`: item -> whether it was judged right in that language. Both texts of an item count."""
    both = sorted(source.keys() & target.keys())
    failed = [item for item in both if source[item] and not target[item]]
    kept = [item for item in both if source[item] and target[item]]
    return Failures(
        items=len(both),
        failed={depth: _group(pairs, failed, depth, norm, epsilons) for depth in pairs.euclidean},
        kept={depth: _group(pairs, kept, depth, norm, epsilons) for depth in pairs.euclidean},
    )


def _group(pairs: Pairs, items: Sequence[int], depth: str, norm: str, epsilons: Sequence[float]) -> Group:
    chosen = np.isin(pairs.item, np.array(items, np.int64))
    size = (pairs.linf if norm == "linf" else pairs.euclidean)[depth][chosen]
    inside = None
    if len(size):
        starts = np.flatnonzero(np.diff(pairs.item[chosen], prepend=-1))  # pairs stand item by item
        worst = np.maximum.reduceat(size, starts)
        inside = [float((worst <= epsilon).mean()) for epsilon in epsilons]
    return Group(items=len(items), distances=pairs.figures(depth, norm, epsilons, chosen), items_inside=inside)


@dataclass(frozen=True)
class Judged:
    """An evaluation's folder name, and by language item -> whether its prediction is right; None for files without labels."""

    name: str
    right: dict[str, dict[int, bool]] | None


def judged_before(folder: Path, run: Mapping[str, Any], tests: Parallel, layout: Layout) -> Judged:
    """The evaluation in the run's `folder` on these files that holds most of these rows; `run`: as results say it.

    Raises RunError where there is none.
    """
    found = []
    for path in sorted((folder / EVALUATIONS).glob(f"*/{RESULT_NAME}")):
        try:
            body = json.loads(path.read_bytes())
            if body["format"] in READ_FORMATS and _same(body, run, tests, layout):
                found.append((_overlap(body, tests), body["languages"][0]["rows"], path.parent))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"looking for predictions in {path.parent}",
                found=f"no {RESULT_NAME} of an evaluation",
                expected="what xlt-train evaluate wrote",
                remedy="Move that folder away",
            ) from error
    if not found or max(found)[0] == 0:
        raise RunError(
            f"looking for predictions of {folder} on these files",
            found=f"{len(found):,} evaluations on them" + (", of other rows" if found else ""),
            expected="one, which says where transfer fails",
            remedy="Run xlt-train evaluate with the same --test-dir, --split and --rows first, or add --no-failures",
        )
    chosen = max(found)[-1]
    return Judged(chosen.name, _right(chosen, tests))


def _same(body: Mapping[str, Any], run: Mapping[str, Any], tests: Parallel, layout: Layout) -> bool:
    """Whether an evaluation is of this run, without smoothing, on these files read in this way."""
    files = {entry["language"]: entry["sha256"] for entry in body["languages"]}
    columns = body["columns"]
    return (
        all(files.get(language) == examples.sha256 for language, examples in tests.files.items())
        and body["run"]["weights"] == run["weights"]
        and body["run"].get("identity", run["identity"]) == run["identity"]  # new with the third format
        and body.get("smoothing") is None
        and tuple(columns["text_columns"]) == layout.text_columns
        and columns["columns"] == (None if layout.columns is None else list(layout.columns))
    )


def _overlap(body: Mapping[str, Any], tests: Parallel) -> int:
    first, last = body["rows"] or (0, tests.items.stop)
    return len(range(max(first, tests.items.start), min(last, tests.items.stop)))


def _right(folder: Path, tests: Parallel) -> dict[str, dict[int, bool]] | None:
    """Language -> item -> whether it was right, with all texts in that language. None without labels in one language."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = folder / "predictions.parquet"
    try:
        table = pq.read_table(path, columns=["item", "language_1", "language_2", "gold", "predicted"])
    except (OSError, pa.ArrowException) as error:
        raise RunError(
            f"reading {path}",
            found=str(error).splitlines()[0],
            expected="the predictions that xlt-train evaluate wrote",
            remedy="Remove that folder, and run xlt-train evaluate again",
        ) from error
    plain = [pc.cast(table[name], pa.string()) for name in ("language_1", "language_2", "gold", "predicted")]
    first, second, gold, predicted = plain
    same = pc.or_kleene(pc.is_null(second), pc.equal(first, second))
    found: dict[str, dict[int, bool]] = {}
    for language in tests.files:
        mask = pc.and_kleene(same, pc.equal(first, language))
        golds = pc.filter(gold, mask)
        if golds.null_count or not len(golds):
            return None
        right = pc.equal(golds, pc.filter(predicted, mask)).to_pylist()
        items = pc.filter(table["item"], mask).to_pylist()
        found[language] = {item: ok for item, ok in zip(items, right) if item in tests.items}
    return found
