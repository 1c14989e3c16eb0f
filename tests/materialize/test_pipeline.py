"""Units through threads: order, overlap, memory, and the end that an error makes."""

import faulthandler
import os
import random
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from xlt_augment.materialize.pipeline import run_in_order

THREADS = pytest.mark.parametrize("threads", [1, 2, 3, 8])


@THREADS
def test_every_taker_sees_every_result_once_and_in_order(threads: int) -> None:
    chance = random.Random(0)
    pauses = [chance.random() / 500 for _ in range(60)]
    seen: list[list[int]] = [[], [], []]
    inside = [0, 0, 0]

    def make(k: int) -> int:
        time.sleep(pauses[k])
        return 10 * k

    def taker(which: int):  # type: ignore[no-untyped-def]
        def take(result: int) -> None:
            inside[which] += 1
            assert inside[which] == 1, "a taker met itself"
            time.sleep(pauses[(result // 10 + which) % 60])
            seen[which].append(result)
            inside[which] -= 1

        return take

    run_in_order(range(60), make, [taker(k) for k in range(3)], threads=threads)
    assert seen == [[10 * k for k in range(60)]] * 3


@THREADS
def test_nothing_to_do_is_done_at_once(threads: int) -> None:
    run_in_order(iter(()), str, [print], threads=threads)


@THREADS
def test_few_units_are_in_memory_however_slow_a_taker_is(threads: int) -> None:
    read, taken, most = 0, 0, 0

    def units() -> Iterator[int]:
        nonlocal read, most
        for k in range(50):
            read += 1
            most = max(most, read - taken)
            yield k

    def slow(_: int) -> None:
        nonlocal taken
        time.sleep(0.002)
        taken += 1

    run_in_order(units(), lambda k: k, [slow, lambda _: None], threads=threads)
    assert taken == 50
    assert most <= threads + 3


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs POSIX signals")
@pytest.mark.parametrize("threads", [1, 2])
def test_a_signal_ends_the_work_and_its_handler_is_heard(threads: int) -> None:
    def ring(*_: object) -> None:
        raise Alarm

    def make(k: int) -> int:
        if k == 5:
            os.kill(os.getpid(), signal.SIGALRM)
        time.sleep(0.001)
        return k

    taken: list[int] = []
    old = signal.signal(signal.SIGALRM, ring)
    try:
        with pytest.raises(Alarm):
            run_in_order(range(100_000), make, [taken.append], threads=threads)
        assert signal.getsignal(signal.SIGALRM) is ring
    finally:
        signal.signal(signal.SIGALRM, old)
    assert len(taken) < 100_000


class Alarm(Exception):
    """Raised by a signal handler, wherever the main thread is."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # raised where Python swallows it
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_signal_at_any_moment_ends_it_and_all_threads(threads: int) -> None:
    def ring(*_: object) -> None:
        raise Alarm

    chance, before = random.Random(threads), threading.active_count()
    old = signal.signal(signal.SIGALRM, ring)
    faulthandler.dump_traceback_later(100, exit=True)  # a deadlock would be for ever
    try:
        for _ in range(200):
            try:
                signal.setitimer(signal.ITIMER_REAL, chance.random() / 500, 0.1)  # again, where Python swallowed it
                while True:
                    run_in_order(range(20), lambda k: k, [lambda _: None, lambda _: None], threads=threads)
            except Alarm:
                pass
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            assert threading.active_count() == before
            assert signal.getsignal(signal.SIGALRM) is ring
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, old)


@pytest.mark.parametrize("threads", [2, 4])
def test_takers_work_beside_each_other(threads: int) -> None:
    meeting = threading.Barrier(2, timeout=20)  # passes only when both wait at once
    run_in_order(range(3), lambda k: k, [lambda _: meeting.wait(), lambda _: meeting.wait()], threads=threads)


@pytest.mark.parametrize("threads", [2, 3])
def test_so_many_threads_work_and_the_callers_waits(threads: int) -> None:
    names, meeting = set(), threading.Barrier(threads, timeout=20)

    def make(k: int) -> int:
        names.add(threading.current_thread())
        meeting.wait()
        return k

    run_in_order(range(4 * threads), make, [lambda _: None], threads=threads)
    assert len(names) == threads
    assert threading.current_thread() not in names


@THREADS
@pytest.mark.parametrize("where", ["units", "make", "take"])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_first_error_ends_it(where: str, error: type[BaseException], threads: int) -> None:
    taken: list[int] = []

    def fail(here: str, k: int) -> None:
        if where == here and k == 7:
            raise error(here)

    def units() -> Iterator[int]:
        for k in range(1_000):
            fail("units", k)
            yield k

    def make(k: int) -> int:
        fail("make", k)
        return k

    def take(k: int) -> None:
        fail("take", k)
        taken.append(k)

    before = threading.active_count()
    with pytest.raises(error, match=where):
        run_in_order(units(), make, [take, lambda _: None], threads=threads)
    assert threading.active_count() == before  # nobody is left working
    assert taken == list(range(len(taken)))
    assert len(taken) <= 7
