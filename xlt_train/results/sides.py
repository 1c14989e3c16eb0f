"""The two sides of a comparison: what each word names, as one system."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from xlt_train.errors import UsageError
from xlt_train.results.collect import Found, find_runs, systems_of
from xlt_train.results.systems import System, named

_PATTERN = "*?["


def find_side(word: str) -> list[Found]:
    """The runs of one side: what `find_runs` knows, and patterns such as `runs/rs-da-*`.

    Raises UsageError for a pattern that matches nothing and for what is no run, RunError for a run that was not judged.
    """
    name, equals, rest = word.partition("=")
    if not equals or Path(word).exists():
        name, rest = "", word
    parts = [rest] if Path(rest).exists() else [found for part in rest.split(",") for found in _matches(part)]
    return find_runs([f"{name}={','.join(parts)}"] if name else parts)


def _matches(part: str) -> list[str]:
    if Path(part).exists() or not any(mark in part for mark in _PATTERN):
        return [part]
    root = Path(Path(part).anchor)
    found = sorted(str(path) for path in root.glob(str(Path(part).relative_to(root))))
    if not found:
        raise UsageError(
            f"looking for runs that match {part}", found="none", expected="at least one", remedy="Check the pattern; quote it"
        )
    return found


def one_system(found: Sequence[Found], tests: str, word: str) -> System:
    """The runs of one side on that test set, as one method over its seeds.

    Results of a smoothed classifier count where a run has no other, or where their folder is named. Raises UsageError for
    runs that differ in more than the seed, unless they were given a name.
    """
    systems = systems_of([_plain(one, tests) for one in found], tests)
    if len(systems) == 1:
        return systems[0]
    raise UsageError(
        f"taking {word} as one side",
        found=f"{len(systems)} methods or settings: {'; '.join(system.name for system in systems)}",
        expected="runs that differ in the seed alone",
        remedy="Name the runs of one of them, or make them one group: NAME=RUN,RUN",
    )


def _plain(one: Found, tests: str) -> Found:
    """Without results of a smoothed classifier where there are others."""
    here = [judgement for judgement in one.judgements if judgement.tests == tests]
    plain = tuple(judgement for judgement in here if judgement.smoothing is None)
    return replace(one, judgements=plain or tuple(here))


def told_apart(a: System, b: System) -> tuple[System, System]:
    """The same with names that differ: by their settings, else by their sides. Raises UsageError for a result on both sides."""
    both = {run.path.resolve() for run in a.runs} & {run.path.resolve() for run in b.runs}
    if both:
        raise UsageError(
            f"comparing {a.name} with {b.name}",
            found=f"{min(both)} on both sides",
            expected="other runs on each",
            remedy="Take it out of one of them",
        )
    if a.name != b.name:
        return a, b
    first, second = named([a, b])
    if first.name != second.name:
        return first, second
    return replace(a, name=f"{a.name} (A)"), replace(b, name=f"{b.name} (B)")
