"""What the laboratory's runs say: means, spreads, paired differences with intervals, as tables."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scipy.stats import t

CONFIDENCE = 0.95
BASELINE = "baseline"
Summary = dict[str, dict[str, Any]]  # label -> dev, epsilon chosen, and for each language mean, spread, gain, interval


def languages_of(run: Mapping[str, Any]) -> dict[str, float]:
    """Accuracy by language of one run: `moved R`, `cipher S`, `reordered`."""
    found = {f"{kind} {name}": value for kind in ("moved", "cipher") for name, value in run[kind].items()}
    return found | {"reordered": run["reordered"]}


def interval(differences: Sequence[float]) -> float | None:
    """Half the width of the 95% interval of their mean, by Student's t; None for fewer than two."""
    if len(differences) < 2:
        return None
    factor = float(t.ppf((1 + CONFIDENCE) / 2, len(differences) - 1))
    return factor * statistics.stdev(differences) / math.sqrt(len(differences))


def summary(runs: Sequence[Mapping[str, Any]]) -> Summary:
    """By label, in points of accuracy: mean and standard deviation over seeds, gain over the baseline of the same seed."""
    by: dict[str, dict[int, dict[str, float]]] = {}
    for run in runs:
        by.setdefault(run["label"], {})[run["seed"]] = {"dev": run["dev"], **languages_of(run)}
    base, found = by.get(BASELINE, {}), {}
    for label, seeds in by.items():
        names = next(iter(seeds.values()))
        found[label] = {
            "method": next(run["method"] for run in runs if run["label"] == label),
            "seeds": len(seeds),
            "growth": growth(seeds, base),
            "languages": {name: figures({seed: run[name] for seed, run in seeds.items()}, name, base) for name in names},
        }
    for chosen in choices(runs, found):
        found[chosen]["chosen"] = True
    return found


def figures(accuracy: Mapping[int, float], name: str, base: Mapping[int, Mapping[str, float]]) -> dict[str, float | None]:
    """One cell: accuracy by seed against the baseline's."""
    points = [100 * value for value in accuracy.values()]
    gains = [100 * (value - base[seed][name]) for seed, value in accuracy.items() if seed in base]
    half = interval(gains)
    return {
        "mean": round(statistics.fmean(points), 2),
        "spread": round(statistics.stdev(points), 2) if len(points) > 1 else None,
        "gain": round(statistics.fmean(gains), 2) if gains else None,
        "interval": None if half is None else round(half, 2),
    }


def growth(seeds: Mapping[int, Mapping[str, float]], base: Mapping[int, Mapping[str, float]]) -> dict[str, float | None]:
    """How much more is gained far away than at home: mean gain at the upper half of the radii less that at the smallest."""
    names = [name for name in next(iter(seeds.values())) if name.startswith("moved")]
    far, found = names[len(names) // 2 :], []
    for seed in seeds.keys() & base.keys():
        gains = {name: 100 * (seeds[seed][name] - base[seed][name]) for name in names}
        found.append(statistics.fmean(gains[name] for name in far) - gains[names[0]])
    half = interval(found)
    return {"gain": round(statistics.fmean(found), 2) if found else None, "interval": None if half is None else round(half, 2)}


def choices(runs: Iterable[Mapping[str, Any]], found: Summary) -> list[str]:
    """Of each method with several epsilons the label whose accuracy on the English development part is best."""
    by: dict[str, list[str]] = {}
    for run in runs:
        if "epsilon" in run["settings"] and run["label"] not in by.setdefault(run["method"], []):
            by[run["method"]].append(run["label"])
    dev = {label: row["languages"]["dev"]["mean"] for label, row in found.items()}
    return [max(labels, key=lambda label: float(dev[label])) for labels in by.values() if len(labels) > 1]


def tables(found: Summary) -> str:
    """Two tables in Markdown: accuracy with its spread; gains over the baseline, and how they grow, with intervals."""
    names = list(next(iter(found.values()))["languages"])
    head = "\n".join(("| method | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"))
    accuracy, gains = [head], [head.replace(" |\n", " | growth |\n") + "---|"]
    for label, row in found.items():
        cells, title = list(row["languages"].values()), label + (" (chosen)" if row.get("chosen") else "")
        accuracy.append(f"| {title} | " + " | ".join(figure(f"{c['mean']:.1f}", c["spread"]) for c in cells) + " |")
        compared = [figure(f"{c['gain']:+.1f}", c["interval"]) for c in [*cells, row["growth"]]]
        gains.append(f"| {title} | " + " | ".join(compared) + " |")
    return "\n".join(
        ["accuracy, mean and standard deviation", *accuracy, "", "gain over the baseline, 95% interval", gains[0], *gains[2:]]
    )


def figure(value: str, beside: float | None) -> str:
    """A value and what may be added or taken away; that is not known of a single seed."""
    return value if beside is None else f"{value} ± {beside:.1f}"
