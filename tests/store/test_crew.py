"""Several files at a time, and a signal at any moment."""

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

import pytest

from xlt_augment.store.pieces import Crew, Stopped


class Asked(BaseException):
    """A signal asked to stop."""


@pytest.fixture
def asking() -> Iterator[None]:
    def ask(number: int, frame: FrameType | None) -> None:
        raise Asked

    before = signal.signal(signal.SIGHUP, ask)
    yield
    signal.signal(signal.SIGHUP, before)


def test_results_stand_in_the_order_of_the_items() -> None:
    assert Crew(3).run(range(50), lambda k: (time.sleep(0.001 * (k % 3)), k * k)[1]) == [k * k for k in range(50)]
    assert Crew(3).run([], str) == []


def test_the_first_error_stops_the_others() -> None:
    done: list[int] = []

    def work(item: int) -> None:
        if item == 3:
            raise KeyError(item)
        time.sleep(0.001)
        done.append(item)

    crew = Crew(2)
    with pytest.raises(KeyError):
        crew.run(range(1_000), work)
    assert len(done) < 100
    with pytest.raises(Stopped):  # for good
        crew.run(range(2), work)


@pytest.mark.timeout(60)
def test_a_signal_at_any_moment_ends_all(asking: None) -> None:
    chance, stopped = random.Random(0), 0
    for _ in range(150):
        running: set[int] = set()

        def work(item: int, running: set[int] = running) -> None:
            running.add(item)
            time.sleep(0.0001)
            running.discard(item)

        timer = threading.Timer(0.012 * chance.random(), os.kill, (os.getpid(), signal.SIGHUP))
        try:
            timer.start()
            Crew(2).run(range(305), work)
            timer.join()
        except Asked:
            stopped += 1
            assert not running
        timer.join()
    assert stopped > 100
