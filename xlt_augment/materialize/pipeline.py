"""Units of work through threads: made in any order, taken in theirs, a few of them in memory at a time."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Generic, TypeVar

U = TypeVar("U")
R = TypeVar("R")
_AHEAD = 2  # units in memory beside those that threads work on


def run_in_order(units: Iterable[U], make: Callable[[U], R], takers: Sequence[Callable[[R], object]], *, threads: int) -> None:
    """`make` each unit, then hand the result to every one of `takers`, in the order of the units.

    With several threads, of which the caller's is one, reading `units`, making and taking go on beside each other; a taker
    never meets itself. With one thread nothing else runs. The first error ends it all and is raised here.
    """
    if threads > 1:
        _Floor(iter(units), make, takers, threads).run()
        return
    for unit in units:
        result = make(unit)
        for take in takers:
            take(result)


class _Floor(Generic[U, R]):
    """Who works on what: every thread asks for its next task until there is none."""

    def __init__(
        self, units: Iterator[U], make: Callable[[U], R], takers: Sequence[Callable[[R], object]], threads: int
    ) -> None:
        self._units, self._make, self._takers, self._threads = units, make, takers, threads
        self._changed = threading.Condition()
        self._read, self._reading, self._ended = 0, False, False
        self._unmade: deque[tuple[int, U]] = deque()
        self._made: dict[int, R] = {}
        self._next = [0] * len(takers)  # the unit that each taker is to take, or is taking
        self._taking = [False] * len(takers)
        self._error: BaseException | None = None

    def run(self) -> None:
        """Work until all is done."""
        others = [threading.Thread(target=self._work, name="xlt-worker") for _ in range(self._threads - 1)]
        try:
            for thread in others:
                thread.start()
            self._work()
        except BaseException as error:  # noqa: BLE001 - Ctrl-C between two tasks: the others are to stop too
            self._fail(error)
        finally:
            for thread in others:
                if thread.ident is not None:
                    thread.join()
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (task := self._next_task()) is not None:
            try:
                task()
            except BaseException as error:  # noqa: BLE001 - raised again by `run`
                self._fail(error)

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    def _next_task(self) -> Callable[[], None] | None:
        """What there is to do, taking before making before reading, so that results leave memory soon."""
        with self._changed:
            while self._error is None and not (self._ended and min(self._next) == self._read):
                for k in sorted(range(len(self._takers)), key=self._next.__getitem__):
                    if not self._taking[k] and self._next[k] in self._made:
                        self._taking[k] = True
                        return partial(self._take, k, self._made[self._next[k]])
                if self._unmade:
                    return partial(self._make_one, *self._unmade.popleft())
                if not self._reading and not self._ended and self._read - min(self._next) < self._threads + _AHEAD:
                    self._reading = True
                    return self._read_one
                self._changed.wait()
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
