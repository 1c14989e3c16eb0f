"""Units of work through threads: made in any order, taken in theirs, a few of them in memory at a time."""

import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Generic, TypeVar

U = TypeVar("U")
R = TypeVar("R")
_AHEAD = 2  # units in memory beside those that threads work on
_LOOK_UP = 0.1  # seconds after which a thread that waits looks whether it is to stop


def run_in_order(units: Iterable[U], make: Callable[[U], R], takers: Sequence[Callable[[R], object]], *, threads: int) -> None:
    """`make` each unit, then hand the result to every one of `takers`, in the order of the units.

    With several threads reading `units`, making and taking go on beside each other; a taker never meets itself. With one
    nothing runs but the caller's thread. The first error ends it all and is raised here, when all threads have ended.
    """
    if threads > 1:
        _Floor(iter(units), make, takers).run(threads)
        return
    for unit in units:
        result = make(unit)
        for take in takers:
            take(result)


class _Floor(Generic[U, R]):
    """Who works on what: every thread asks for its next task until there is none; the caller's waits for them."""

    def __init__(self, units: Iterator[U], make: Callable[[U], R], takers: Sequence[Callable[[R], object]]) -> None:
        self._units, self._make, self._takers = units, make, takers
        self._changed = threading.Condition()
        self._ahead = _AHEAD
        self._read, self._reading, self._ended = 0, False, False
        self._unmade: deque[tuple[int, U]] = deque()
        self._made: dict[int, R] = {}
        self._next = [0] * len(takers)  # the unit that each taker is to take, or is taking
        self._taking = [False] * len(takers)
        self._stopped = False
        self._errors: deque[BaseException] = deque()

    def run(self, threads: int) -> None:
        """Work until all is done."""
        self._ahead += threads
        workers = [threading.Thread(target=self._work, name="xlt-worker") for _ in range(threads)]
        with _signals_later(self._stop):
            try:
                for worker in workers:
                    worker.start()
            except RuntimeError:  # no more threads to be had
                self._stop()
                raise
            finally:
                for worker in workers:
                    if worker.ident is not None:
                        worker.join()
                workers.clear()  # what Python does at the end of a thread object may swallow an exception
        if self._errors:
            raise self._errors[0]

    def _stop(self) -> None:
        self._stopped = True

    def _work(self) -> None:
        try:
            while (task := self._next_task()) is not None:
                task()
        except BaseException as error:  # noqa: BLE001 - raised again by `run`
            self._errors.append(error)
            self._stop()

    def _next_task(self) -> Callable[[], None] | None:
        """What there is to do, taking before making before reading, so that results leave memory soon."""
        with self._changed:
            while not self._stopped and not (self._ended and min(self._next) == self._read):
                for k in sorted(range(len(self._takers)), key=self._next.__getitem__):
                    if not self._taking[k] and self._next[k] in self._made:
                        self._taking[k] = True
                        return partial(self._take, k, self._made[self._next[k]])
                if self._unmade:
                    return partial(self._make_one, *self._unmade.popleft())
                if not self._reading and not self._ended and self._read - min(self._next) < self._ahead:
                    self._reading = True
                    return self._read_one
                self._changed.wait(_LOOK_UP)
        return None

    def _read_one(self) -> None:
        unit = next(self._units, None)
        with self._changed:
            if unit is None:
                self._ended = True
            else:
                self._unmade.append((self._read, unit))
                self._read += 1
            self._reading = False
            self._changed.notify_all()

    def _make_one(self, number: int, unit: U) -> None:
        result = self._make(unit)
        with self._changed:
            self._made[number] = result
            self._changed.notify_all()

    def _take(self, k: int, result: R) -> None:
        self._takers[k](result)
        with self._changed:
            self._taking[k] = False
            self._next[k] += 1
            self._made.pop(min(self._next) - 1, None)
            self._changed.notify_all()


@contextmanager
def _signals_later(stop: Callable[[], None]) -> Iterator[None]:
    """Let signals with a handler in Python call `stop`, and their own handler when the block has ended.

    A handler that raises, as for Ctrl-C, does so between any two instructions, also where a thread is half started or a lock
    just taken, which neither would survive.
    """
    if threading.current_thread() is not threading.main_thread():  # handlers run in that one alone
        yield
        return
    came: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        came.append(number)
        stop()

    handlers = {int(number): signal.getsignal(number) for number in signal.valid_signals()}
    held = {number: handler for number, handler in handlers.items() if callable(handler)}
    try:
        for number in held:
            signal.signal(number, note)
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
    for number in came[:1]:
        signal.raise_signal(number)
