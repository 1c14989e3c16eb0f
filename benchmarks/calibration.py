"""How often the tests over seeds call a difference where there is none, at 3, 5, 10 and 20 seeds.

    python benchmarks/calibration.py [--simulations 20000] [--draws 10000]

Prints a table and writes benchmarks/results/calibration.json. `normal` and `heavy tails` (Student's t with 3 degrees of
freedom) are the distributions of the paired differences; both groups of Welch's test are normal and of that size.
"""

import argparse

import numpy as np
from common import write_result

from xlt_train.statistics.seeds import bootstrapped_t, paired_t, welch_t

SEEDS = (3, 5, 10, 20)
PARTS = 4  # each with other samples, which all simulations of a part share


def shares(count: int, tails: str, simulations: int, draws: int) -> dict[str, float]:
    """Shares of simulations with p <= 0.05."""
    found: dict[str, list[float]] = {"paired t": [], "bootstrapped paired t": [], "Welch": []}
    for part in range(PARTS):
        numbers = np.random.default_rng([count, part])
        shape = (count, simulations // PARTS)
        d = numbers.normal(size=shape) if tails == "normal" else numbers.standard_t(3, size=shape)
        nothing = np.zeros(shape)
        found["paired t"].append(float((paired_t(nothing, d).p <= 0.05).mean()))
        found["bootstrapped paired t"].append(float((bootstrapped_t(nothing, d, draws=draws, seed=part) <= 0.05).mean()))
        found["Welch"].append(float((welch_t(numbers.normal(size=shape), numbers.normal(size=shape)).p <= 0.05).mean()))
    return {name: round(float(np.mean(values)), 4) for name, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--simulations", type=int, default=20_000)
    parser.add_argument("--draws", type=int, default=10_000)
    options = parser.parse_args()
    table = []
    for tails in ("normal", "heavy tails"):
        for count in SEEDS:
            found = shares(count, tails, options.simulations, options.draws)
            table.append({"differences": tails, "seeds": count, **found})
            print(f"{tails:<14}{count:>4}  " + "  ".join(f"{name} {100 * share:.1f}%" for name, share in found.items()))
    facts = {"simulations": options.simulations, "draws": options.draws, "level": 0.05, "table": table}
    write_result("calibration", facts, ["numpy", "scipy"])


if __name__ == "__main__":
    main()
