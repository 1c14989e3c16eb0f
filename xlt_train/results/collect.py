"""What the words of a command line name: run folders, folders of runs, results, and groups of them; judged on one test set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xlt_train.errors import RunError, UsageError
from xlt_train.evaluation.result import RESULT_NAME
from xlt_train.evaluation.task import EVALUATIONS
from xlt_train.results.judgement import Judgement
from xlt_train.results.systems import System, group, named
from xlt_train.runs.record import CHECKPOINT, RECORD_NAME, RunRecord


@dataclass(frozen=True)
class Found:
    """A run folder, the name of its group if it was given one, its flat settings and its evaluations."""

    path: Path
    group: str | None
    settings: Mapping[str, Any]
    judgements: tuple[Judgement, ...]


def find_runs(words: Sequence[str]) -> list[Found]:
    """`RUN`, a folder of runs, a result's folder, or `NAME=RUN,RUN`.

    Raises UsageError for what is none of them, RunError for a run without any evaluation.
    """
    found: list[Found] = []
    for word in words:
        name, equals, rest = word.partition("=")
        grouped = bool(equals) and not Path(word).exists()
        for part in rest.split(",") if grouped else [word] if Path(word).exists() else word.split(","):
            found += [_found(path, name if grouped else None) for path in _folders(Path(part))]
    seen: dict[Path, Path] = {}
    for one in found:
        if one.path.resolve() in seen:
            raise UsageError(
                "collecting runs", found=f"{one.path} twice", expected="each run once", remedy="Take one of them out"
            )
        seen[one.path.resolve()] = one.path
    return found


def _folders(path: Path) -> list[Path]:
    """The runs that a path stands for: itself, or those right below it."""
    if (path / RECORD_NAME).is_file() or (path / RESULT_NAME).is_file():
        return [path]
    below = sorted(place.parent for place in path.glob(f"*/{RECORD_NAME}")) if path.is_dir() else []
    if not below:
        raise UsageError(
            f"looking for runs in {path}",
            found="no such folder" if not path.exists() else f"no {RECORD_NAME}, here or in a folder below",
            expected="a folder of xlt-train fit, a folder of such folders, or a result of xlt-train evaluate",
            remedy="Check the path; name a group as NAME=RUN,RUN",
        )
    return below


def _found(path: Path, name: str | None) -> Found:
    if (path / RECORD_NAME).is_file():
        judgements = [Judgement.read(place.parent) for place in sorted((path / EVALUATIONS).glob(f"*/{RESULT_NAME}"))]
        settings = _settings(RunRecord.read(path))
    else:
        judgements = [Judgement.read(path)]
        home = judgements[0].home
        settings = _settings(RunRecord.read(home)) if (home / RECORD_NAME).is_file() else _flat(judgements[0].run)
    if not judgements:
        raise RunError(
            f"collecting the results of {path}",
            found="a run that was not judged",
            expected="at least one evaluation",
            remedy=f"Judge it: xlt-train evaluate {path} --test-dir DIR",
        )
    return Found(path, name, settings, tuple(judgements))


def _settings(record: RunRecord) -> dict[str, Any]:
    """All that tells a run from another but its seed; a checkpoint is told from a finished run."""
    more = {"checkpoint": record.results["steps"]} if record.status == CHECKPOINT else {}
    return record.settings() | data_facts(record.data) | {"model.revision": record.model.get("revision")} | more


def _flat(run: Mapping[str, Any]) -> dict[str, Any]:
    """What a result tells of a run's settings, where the run itself is not at hand; of the training that is its steps alone."""
    method = {f"method.{key}": value for key, value in run["method"].items()}
    model = {f"model.{key}": run["model"].get(key) for key in ("name", "labels", "max_length", "revision")}
    hashes = {"dataset": [data["logical_hash"] for data in run["data"]]}
    return hashes | data_facts(run["data"]) | model | method | {"steps": run["steps"]}


def data_facts(data: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What tells training sets apart in words: source, synonym set, and how variants were made."""
    facts = {
        "data.source": [one["source"]["name"] for one in data],
        "data.synonyms": [(one["synonyms"] or {}).get("name") for one in data],
        **{f"data.{key}": [one["recipe"].get(key) for one in data] for key in ("method", "p", "m", "seed", "words", "case")},
    }
    return {key: values[0] if len(set(values)) == 1 else values for key, values in facts.items()}


def choose_tests(found: Sequence[Found], wanted: str | None = None) -> str:
    """The test set that all runs were judged on; of several the one whose name or identity begins with `wanted`.

    Raises RunError where there is none, UsageError where it is not clear which.
    """
    names: dict[str, set[str]] = {}
    for one in found:
        for judgement in one.judgements:
            names.setdefault(judgement.tests, set()).add(judgement.path.name)
    shared = [tests for tests in names if all(any(j.tests == tests for j in one.judgements) for one in found)]
    fitting = [t for t in shared if wanted is None or t.startswith(wanted) or any(n.startswith(wanted) for n in names[t])]
    if len(fitting) == 1:
        return fitting[0]
    if shared:
        listed = "; ".join(f"{_about(found, tests)} ({tests[:8]}: {', '.join(sorted(names[tests]))})" for tests in shared)
        raise UsageError(
            "choosing the test set",
            found=f"{len(shared)} that all runs were judged on: {listed}",
            expected="one" if wanted is None else f"one whose identity or folder begins with {wanted}",
            remedy="Name it with --tests",
        )
    each = "; ".join(f"{one.path}: {' and '.join(_one(j) for j in one.judgements)}" for one in found)
    raise RunError(
        "choosing the test set",
        found=f"runs of different test sets ({each})",
        expected="the same files, rows and policy for placeholders for all",
        remedy="Judge them on the same files: xlt-train evaluate RUN --test-dir DIR",
    )


def _one(judgement: Judgement) -> str:
    return f"{judgement.about_tests} ({judgement.tests[:8]})"


def _about(found: Sequence[Found], tests: str) -> str:
    return next(j.about_tests for one in found for j in one.judgements if j.tests == tests)


def systems_of(found: Sequence[Found], tests: str) -> list[System]:
    """The runs on that test set, grouped over seeds and named. A smoothed classifier is a system of its own.

    Where a run was judged both on single languages and on all pairs, all pairs count.
    Raises UsageError for one seed twice in a system.
    """
    groups: dict[str | None, list[tuple[Judgement, Mapping[str, Any]]]] = {}
    for one in found:
        best: dict[str, Judgement] = {}
        for judgement in (j for j in one.judgements if j.tests == tests):
            key = repr((judgement.smoothing, judgement.precision))
            if key not in best or len(judgement.pairs) > len(best[key].pairs):
                best[key] = judgement
        groups.setdefault(one.group, []).extend((judgement, one.settings) for judgement in best.values())
    systems = [system for name, runs in groups.items() for system in group(runs, name)]
    return named(systems)
