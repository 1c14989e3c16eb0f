"""`sweep`: every run of a grid, one after the other, the whole way."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from xlt_train.errors import RunError
from xlt_train.runs.lock import RUN_LOCK, held
from xlt_train.runs.record import RECORD_NAME
from xlt_train.sweep.check import check_points
from xlt_train.sweep.child import run_logged
from xlt_train.sweep.choice import Chosen, Scored, choose
from xlt_train.sweep.command import JudgedOn, Spelling, check_kinds, evaluate_words, fit_words
from xlt_train.sweep.points import Contents, Point, points
from xlt_train.sweep.spec import Published, Sweep
from xlt_train.sweep.state import State, language_hashes, state_of
from xlt_train.sweep.table import table_rows, write_table

_LOCK = ".xlt-sweep.lock"
_PATIENCE = 60.0  # seconds


@dataclass(frozen=True, kw_only=True)
class SweepPlan:
    """All that will be run, in its order, and where."""

    sweeps: tuple[Sweep, ...]
    points: tuple[Point, ...]
    out: Path
    spellings: Mapping[str, Spelling]
    tests: JudgedOn | None
    files: Mapping[str, str]  # language -> sha256 of its test file

    def folder(self, point: Point) -> Path:
        """The run folder of a point."""
        return self.out / point.name

    def log(self, run: str) -> Path:
        """Where all is kept that the commands of a run print."""
        return self.out / f"{run}.log"

    def state(self, point: Point, error: str | None = None) -> State:
        """What there is of its run."""
        return state_of(self.folder(point), point, self.tests, self.files, error)

    def trains(self, point: Point) -> bool:
        """Whether its run is not finished yet."""
        return self.state(point).status != "finished"

    def commands(self) -> list[list[str]]:
        """What would be called for what is not there yet, words by words."""
        found = []
        for point in self.distinct():
            state = self.state(point)
            if state.status != "finished":
                found.append(fit_words(point, self.spellings, self.folder(point)))
            if self.tests is not None and not state.accuracy:
                found.append(evaluate_words(self.folder(point), self.tests))
        return found

    def distinct(self) -> list[Point]:
        """The points, of those with one folder (two sweeps may share a run) the first."""
        return list({point.name: point for point in reversed(self.points)}.values())[::-1]


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What a sweep came to: the table's rows, and for each the state and the paper's row that it stands beside."""

    plan: SweepPlan
    states: tuple[State, ...]
    chosen: Chosen
    published: tuple[Published | None, ...]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The table."""
        return table_rows(self.plan.points, self.states, self.chosen, self.published)

    @property
    def failed(self) -> dict[str, str]:
        """Run -> what its command said last, for those that did not come to their end."""
        return {point.name: state.error for point, state in zip(self.plan.points, self.states) if state.error is not None}


def plan_sweep(
    sweeps: Sequence[Sweep], *, out: str | Path, spellings: Mapping[str, Spelling], tests: JudgedOn | None = None
) -> SweepPlan:
    """The runs of these sweeps, and what they will be judged on. Raises XltError; nothing is written."""
    contents, out = Contents(), Path(out)
    for sweep in sweeps:
        check_kinds(sweep, spellings)
    found = [point for sweep in sweeps for point in points(sweep, contents)]
    return SweepPlan(
        sweeps=tuple(sweeps),
        points=tuple(_one_name_each(found, out)),
        out=out,
        spellings=spellings,
        tests=tests,
        files={} if tests is None else language_hashes(tests),
    )


def _one_name_each(found: Sequence[Point], out: Path) -> list[Point]:
    """A run has one folder, whatever the grid that it stands in: the one that is there, else that of its first name."""
    begun = [path.name for path in sorted(out.iterdir()) if (path / RECORD_NAME).is_file()] if out.is_dir() else []
    names = {name.rpartition("-")[2]: name for name in begun}
    return [replace(point, name=names.setdefault(point.identity, point.name)) for point in found]


def check_sweep(plan: SweepPlan) -> None:
    """Check every run that is not finished, before any starts. Raises XltError for the first that could not."""
    check_points([point for point in plan.distinct() if plan.trains(point)], plan.spellings, plan.out)


def run_sweep(plan: SweepPlan, say: Callable[[str], object] = lambda note: None) -> Swept:
    """Train and judge what is not there yet; a run that fails does not end the others. `say` hears of each run.

    The table is written anew after each. Raises RunError where another sweep is at work in the folder, OSError where
    nothing can be written.
    """
    with _locked(plan.out):
        errors: dict[str, str | None] = {}
        swept = _look(plan, errors)
        write_table(plan.out, swept.rows)
        distinct = plan.distinct()
        for k, point in enumerate(distinct, 1):
            errors[point.name] = _finish(plan, point, lambda note, k=k: say(f"[{k}/{len(distinct)}] {note}"))  # type: ignore[misc]
            swept = _look(plan, errors)
            write_table(plan.out, swept.rows)
    return swept


def _finish(plan: SweepPlan, point: Point, say: Callable[[str], object]) -> str | None:
    """Train and judge one run as far as it is not; what went wrong."""
    log = plan.log(point.name)
    if plan.trains(point):
        _wait_for(plan.folder(point), lambda: say(f"{point.name}: waiting for another process that trains there"))
    if plan.trains(point):
        say(f"{point.name}: training")
        error = run_logged(fit_words(point, plan.spellings, plan.folder(point)), log)
        if error is not None:
            say(f"{point.name}: failed: {error}")
            return error
    if plan.tests is not None and not plan.state(point).accuracy:
        say(f"{point.name}: judging on {plan.tests.folder}")
        error = run_logged(evaluate_words(plan.folder(point), plan.tests), log)
        if error is not None:
            say(f"{point.name}: failed: {error}")
            return error
    return None


def _wait_for(folder: Path, say: Callable[[], object]) -> None:
    """Give a process that trains in `folder`, such as one of a killed sweep, time to end; `fit` refuses where it does not."""
    path = folder / RUN_LOCK
    if not path.exists():
        return
    lock = FileLock(path)
    with suppress(OSError):  # as a Timeout is; `fit` will say what is wrong
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say()
            lock.acquire(timeout=_PATIENCE)
        path.unlink(missing_ok=True)
        lock.release()


def _look(plan: SweepPlan, errors: Mapping[str, str | None]) -> Swept:
    states = tuple(plan.state(point, errors.get(point.name)) for point in plan.points)
    scored = [
        Scored(point, None if state.record is None else state.record.results.get("dev_accuracy"))
        for point, state in zip(plan.points, states)
    ]
    published = tuple(_beside(plan, point) for point in plan.points)
    return Swept(plan=plan, states=states, chosen=choose(scored), published=published)


def _beside(plan: SweepPlan, point: Point) -> Published | None:
    """The paper's row for the point's settings and the languages of the test files."""
    rows = next(sweep.published for sweep in plan.sweeps if sweep.name == point.sweep)
    return next((row for row in rows if row.fits(point.options, plan.files)), None)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    busy = RunError(
        f"starting the sweep in {folder}",
        found="another sweep that is at work there",
        expected="one at a time",
        remedy="Wait for it, or choose another --out",
    )
    with held(folder / _LOCK, busy):
        yield
