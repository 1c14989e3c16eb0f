"""A system: one method with one choice of settings, over its seeds. What a row of a paper's table is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from xlt_train.errors import UsageError
from xlt_train.results.judgement import Judgement, Pair, signature

# Of a run's settings, those that the line below a score has beside its method and data.
_TRAINING = (
    "model.max_length", "learning_rate", "per_device_train_batch_size", "gradient_accumulation_steps", "num_train_epochs",
    "max_steps", "lr_scheduler_type", "warmup_steps", "weight_decay", "dev",
)  # fmt: skip
PRECISION = "evaluation.precision"


@dataclass(frozen=True, kw_only=True)
class System:
    """`accuracy` [S, P], from 0 to 1, nan for a cell that a seed lacks. `runs`: one per seed, in order.

    Published numbers have no runs; `source` says where they stand. `settings`: flat, without the seed.
    """

    name: str
    method: str
    model: str
    settings: dict[str, Any]
    languages: tuple[str, ...]
    pairs: tuple[Pair, ...]
    accuracy: np.ndarray
    runs: tuple[Judgement, ...] = ()
    source: str | None = None
    printed: dict[str, float] = field(default_factory=dict)  # averages as a paper printed them, 0 to 1

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the runs, in order."""
        return tuple(run.seed for run in self.runs)

    @property
    def all_pairs(self) -> bool:
        """Whether it was judged on texts in two languages."""
        return any(a != b for a, b in self.pairs)

    def of(self, pairs: Sequence[Pair]) -> np.ndarray:
        """Accuracy [S, len(pairs)] in that order; nan for a cell that is missing."""
        places = {pair: k for k, pair in enumerate(self.pairs)}
        found = np.full((len(self.accuracy), len(pairs)), np.nan)
        for k, pair in enumerate(pairs):
            if pair in places:
                found[:, k] = self.accuracy[:, places[pair]]
        return found

    def diagonal(self, languages: Sequence[str]) -> np.ndarray:
        """Accuracy [S, L] with both texts in one language."""
        return self.of([(language, language) for language in languages])

    def matrix(self, languages: Sequence[str]) -> np.ndarray:
        """Mean accuracy over the seeds [L, L], text 1 down, text 2 across."""
        n = len(languages)
        found: np.ndarray = self.of([(a, b) for a in languages for b in languages]).mean(0).reshape(n, n)
        return found

    @property
    def signature(self) -> str:
        """One line with all that can change its scores; none for published ones, whose source says it."""
        training = {key: shown_value(key, self.settings[key]) for key in _TRAINING if self.settings.get(key) is not None}
        return signature(self.runs, training) if self.runs else ""


def group(runs: Sequence[tuple[Judgement, Mapping[str, Any]]], name: str | None = None) -> list[System]:
    """Systems of these runs, each given with its flat settings: those that differ in the seed alone are one, with a `name` all.

    A smoothed classifier and a plain one are never one system, named or not, nor are two precisions. Raises UsageError for two
    runs of one seed in a system, which would count one observation twice.
    """
    found: dict[tuple[Any, ...], list[tuple[Judgement, Mapping[str, Any]]]] = {}
    for judgement, settings in runs:
        key = (name or _frozen(_without_seed(settings)), _frozen(judgement.smoothing), judgement.precision)
        found.setdefault(key, []).append((judgement, settings))
    return [_system(part, name) for part in found.values()]


def _system(part: Sequence[tuple[Judgement, Mapping[str, Any]]], name: str | None) -> System:
    judgements = sorted((judgement for judgement, _ in part), key=lambda run: run.seed)
    for one, other in zip(judgements, judgements[1:]):
        if one.seed == other.seed:
            raise UsageError(
                f"grouping {one.home} and {other.home}",
                found=f"the seed {one.seed} twice",
                expected="another seed in each run of a group: the same one again is no new observation",
                remedy="Leave one of them out, or name groups: NAME=RUN,RUN",
            )
    first, pairs = judgements[0], tuple(dict.fromkeys(pair for run in judgements for pair in run.pairs))
    languages = tuple(dict.fromkeys(language for run in judgements for language in run.languages))
    accuracy = np.full((len(judgements), len(pairs)), np.nan)
    for s, run in enumerate(judgements):
        accuracy[s, [pairs.index(pair) for pair in run.pairs]] = run.accuracy
    settings = _without_seed(part[0][1]) | {PRECISION: first.precision}
    if first.smoothing:
        settings |= {f"smoothing.{key}": value for key, value in first.smoothing.items()}
    return System(
        name=(name or first.run["method"]["name"]) + (" smoothed" if first.smoothing else ""),
        method=first.run["method"]["name"],
        model=first.run["model"]["name"],
        settings=settings,
        languages=languages,
        pairs=pairs,
        accuracy=accuracy,
        runs=tuple(judgements),
    )


def named(systems: Sequence[System]) -> list[System]:
    """The systems under names of their own: the method, and the settings in which it differs from others of that method."""
    found = []
    for system in systems:
        alike = [other for other in systems if other.name == system.name]
        differing = telling(varying(alike))
        words = [
            f"{plain_key(key)} {shown_value(key, system.settings.get(key))}" for key in differing if key in system.settings
        ]
        found.append(replace(system, name=", ".join([system.name, *words])) if len(alike) > 1 and words else system)
    return found


def varying(systems: Sequence[System]) -> list[str]:
    """The settings in which systems differ, in the order in which they first appear."""
    keys = dict.fromkeys(key for system in systems for key in system.settings)
    return [key for key in keys if len({_frozen(system.settings.get(key)) for system in systems}) > 1]


def beside_the_method(a: System, b: System) -> list[str]:
    """How the training of two systems differs in what belongs neither to the method nor to its data, as far as both tell it."""
    own = ("method.", "smoothing.", "data")
    keys = [key for key in varying([a, b]) if not key.startswith(own) and key in a.settings and key in b.settings]
    return [f"{plain_key(key)} {shown_value(key, a.settings[key])} and {shown_value(key, b.settings[key])}" for key in keys]


_NAMES = {
    "method.variants": "m",
    "model.name": "model",
    "data.method": "operator",
    "data.seed": "data seed",
    "data.source": "training data",
}


def telling(keys: Sequence[str]) -> list[str]:
    """Of settings that differ, those that tell a reader something: no hash beside what made it another, one m only."""
    data = [key for key in keys if key.startswith("data.") and not (key == "data.m" and "method.variants" in keys)]
    return [key for key in keys if not key.startswith("data") or key in data or (key == "dataset" and not data)]


def plain_key(key: str) -> str:
    """A setting as papers write it."""
    return _NAMES.get(key, key.rpartition(".")[2].replace("_", " "))


def shown_value(key: str, value: Any) -> str:
    """Its value as a reader takes it."""
    if key == "method.variants":
        return "+".join(str(last) for _, last in value)
    if key == "dataset":
        return "+".join(text[:8] for text in value)
    if key == "dev" and value:
        return f"{value['file']} ({value['sha256'][:8]})"
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _without_seed(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in ("seed", "data_seed")}


def _frozen(value: Any) -> Any:
    """The value in a form that compares and hashes."""
    if isinstance(value, Mapping):
        return tuple(sorted((key, _frozen(part)) for key, part in value.items()))
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value
