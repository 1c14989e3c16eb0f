"""Work spread over a Ray cluster: connecting, one function over many items, workers that are lost, errors that come home."""

import importlib.util
import logging
import os
import pickle
import platform
import queue
import re
import secrets
import signal
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any, NamedTuple, TypeVar

from xlt_augment.errors import ClusterError, UsageError, XltError

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S")
MOST_ATTEMPTS = 5  # of one item; a worker may be lost by no fault of the item, but not so often
_PATIENCE = 10  # seconds for a first connection, and for threads to end
_IDLE = "Prefetcher"  # a thread of Ray Data that waits for good where nothing is fetched ahead
_LOOK_UP = 0.1  # seconds after which who waits looks for signals
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
_kept: dict[str, Any] = {}  # in a worker: what the items of the map under way share


class _Failed(NamedTuple):
    """An error on its way home; Ray would wrap it into one of its own."""

    error: Exception


class Cluster:
    """A connection to Ray. Make one with `connected`."""

    def __init__(self, ray: Any) -> None:
        self._ray, self._after = ray, ExitStack()

    def map(self, work: Callable[[S, T], R], items: Sequence[T], *, shared: S, cpus: int = 1) -> Iterator[tuple[int, R]]:
        """`work(shared, item)` of every item in some worker, as (number, result) in the order in which they end.

        An item whose worker is lost is done again elsewhere, so `work` must not mind. The first exception of `work` is raised
        here as it is. Raises ClusterError when an item's worker is lost over and over, or the cluster is.
        """
        ref, token = self._ray.put(pickle.dumps(shared, protocol=5)), secrets.token_hex(8)
        rows = [{"number": number, "item": pickle.dumps(item)} for number, item in enumerate(items)]
        others = set(threading.enumerate())
        outcomes = _aside(_outcomes(rows, partial(_attempt, work, token, ref), cpus))
        try:
            for row in outcomes:
                outcome = pickle.loads(row["outcome"])  # noqa: S301 - from our own workers
                if isinstance(outcome, _Failed):
                    raise outcome.error
                yield row["number"], outcome
        except self._ray.exceptions.RayError as error:
            raise _lost(error) from error
        finally:
            outcomes.close()
            _halt(others)

    def afterwards(self, work: Callable[[], object]) -> None:
        """Call `work` when the connection has ended and no worker runs any longer."""
        self._after.callback(work)

    def close(self) -> None:
        """Do what is left for afterwards."""
        self._after.close()


@contextmanager
def connected(address: str | None = None) -> Iterator[Cluster]:
    """A cluster at `address`, else at RAY_ADDRESS, else one of this machine's cores, started for this and ended with it.

    A connection that the process has already is used as it is. Raises UsageError without the package, ClusterError when the
    cluster cannot be reached.
    """
    check_package()
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    import ray

    ours = not ray.is_initialized()
    if ours:
        _silence(ray)
        connection = _aside(_connecting(ray, address or os.environ.get("RAY_ADDRESS") or "local", ended := threading.Event()))
        with _signals_kept():
            next(connection)
    cluster = Cluster(ray)
    try:
        yield cluster
    finally:
        if ours:
            ray.shutdown()
            ended.set()
        cluster.close()


def _outcomes(rows: list[dict[str, Any]], attempt: Callable[..., Any], cpus: int) -> Iterator[dict[str, Any]]:
    from ray import data

    with _quiet_data(data):
        done = data.from_items(rows, override_num_blocks=len(rows)).map(attempt, num_cpus=cpus)
        tables: Any = done.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
        for table in tables:
            yield from table.to_pylist()


def _aside(values: Iterator[T]) -> Generator[T, None, None]:
    """The values, brought by a thread of their own, while this one waits where an exception of a signal handler can go through.

    Inside Ray's compiled code it may be lost, and the work would go on.
    """
    brought: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    stopped = threading.Event()

    def bring() -> None:
        try:
            for value in values:
                brought.put(("value", value))
                if stopped.is_set():
                    return
            brought.put(("end", None))
        except BaseException as error:  # noqa: BLE001 - raised again by the other thread
            brought.put(("error", error))

    threading.Thread(target=bring, name="xlt-cluster", daemon=True).start()
    try:
        while True:
            with suppress(queue.Empty):
                kind, value = brought.get(timeout=_LOOK_UP)
                if kind == "end":
                    return
                if kind == "error":
                    raise value
                yield value
    finally:
        stopped.set()


def _halt(others: set[threading.Thread]) -> None:
    """End what Ray Data began here, but `others`: a thread of it that calls Ray during the shutdown, which frees what Ray's
    compiled code stands on, kills the process, and one that calls it later connects again.
    """
    begun = set(threading.enumerate()) - others - {threading.current_thread()}
    for thread in begun:
        if type(thread).__module__.startswith("ray.") and (shutdown := getattr(thread, "shutdown", None)):  # the executor
            with suppress(Exception):  # the cluster may be lost, and what the map says of it counts
                shutdown(force=True)
    patient_until = time.monotonic() + _PATIENCE
    for thread in begun:
        if thread.name != _IDLE:
            thread.join(max(0.0, patient_until - time.monotonic()))


def check_package() -> None:
    """Raises UsageError where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise UsageError(
            "reading --engine ray", found="no package ray", expected="it installed", remedy="Run: pip install 'xlt[ray]'"
        )


def refuse_ray_options(**options: object) -> None:
    """Raises UsageError where an option is given that has a meaning with --engine ray alone."""
    for name, value in options.items():
        if value is not None:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"reading {option}", found="the engine local", expected="--engine ray", remedy="Leave it out")


def here() -> str:
    """The name of this machine, for messages."""
    return platform.node() or "an unnamed node"


def _connecting(ray: Any, address: str, ended: threading.Event) -> Iterator[None]:
    """Connect, then yield once, then wait: the kernel ends what Ray started here as soon as the thread that did it ends."""
    import socket

    try:
        if host := re.fullmatch(r"(?:\w+://)?(.+):(\d+)", address):  # Ray itself tries for minutes where nobody listens
            socket.create_connection((host[1], int(host[2])), timeout=_PATIENCE).close()
        ray.init(
            address=address, logging_level=logging.CRITICAL, log_to_driver=False,
            **({"include_dashboard": False} if address == "local" else {}),
        )  # fmt: skip
    except (OSError, RuntimeError, ValueError, OverflowError) as error:  # OSError: also what the socket says
        ray.shutdown()
        raise ClusterError(
            f"connecting to Ray at {address}",
            found=_first_line(error),
            expected="a cluster that this node is part of, of the same Ray and Python",
            remedy="Check --ray-address and RAY_ADDRESS, or leave them out for a cluster of this machine alone",
        ) from error
    yield
    ended.wait()


def _silence(ray: Any) -> None:
    """What Ray says of lost workers goes to standard output, where the result belongs; for this there is no public switch."""
    module: Any = getattr(getattr(ray, "_private", None), "worker", None)
    if hasattr(module, "_worker_logs_enabled"):
        module._worker_logs_enabled = False


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself; ours is to clean up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in held.items():
            if handler is not None:
                signal.signal(number, handler)


@contextmanager
def _quiet_data(data: Any) -> Iterator[None]:
    """Ray Data without bars and log lines of its own."""
    context, logger = data.DataContext.get_current(), logging.getLogger("ray.data")
    names = ("enable_progress_bars", "print_on_execution_start")
    held, level = {name: getattr(context, name) for name in names}, logger.level
    logger.setLevel(logging.CRITICAL)
    for name in names:
        setattr(context, name, False)
    try:
        yield
    finally:
        logger.setLevel(level)
        for name, value in held.items():
            setattr(context, name, value)


def _attempt(work: Callable[[Any, Any], Any], token: str, ref: Any, row: dict[str, Any]) -> dict[str, Any]:
    """In a worker: one item, done or failed."""
    import ray

    outcome: Any
    try:
        if (attempts := _attempts(ray)) >= MOST_ATTEMPTS:
            raise _given_up(row["number"], attempts)
        if token not in _kept:
            _kept.clear()
            _kept[token] = pickle.loads(ray.get(ref))  # noqa: S301 - from the process that we work for
        outcome = work(_kept[token], pickle.loads(row["item"]))  # noqa: S301 - the same
    except Exception as error:  # noqa: BLE001 - raised again by `map`
        if not isinstance(error, XltError | OSError):
            error.add_note(f"On {here()}:\n{traceback.format_exc()}")
        outcome = _Failed(error)
    return {"number": row["number"], "outcome": pickle.dumps(outcome)}


def _attempts(ray: Any) -> int:
    """How often the item under way was begun before."""
    worker = getattr(ray.get_runtime_context(), "worker", None)
    number = getattr(getattr(worker, "core_worker", None), "get_current_task_attempt_number", None)
    return int(number()) if number else 0


def _given_up(number: int, attempts: int) -> ClusterError:
    return ClusterError(
        f"doing part {number} on {here()}",
        found=f"{attempts} workers lost at it",
        expected="workers that live",
        remedy="Look into Ray's logs; where memory ran out, cut the work into more parts with --blocks",
    )


def _lost(error: BaseException) -> ClusterError:
    while inner := getattr(error, "cause", None) or error.__cause__:  # Ray's own classes around what happened
        error = inner
    return ClusterError(
        "working on the Ray cluster",
        found=_first_line(error),
        expected="a cluster that stays reachable, and workers that can do their part",
        remedy="Look into Ray's logs, and install the same xlt on all nodes",
    )


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}" + (f" ({lines[0][:200]})" if lines else "")
