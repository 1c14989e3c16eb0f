"""Heavy work in few threads, and no longer a queue than can be served."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from xlt_augment.service.failures import Busy

P = ParamSpec("P")
T = TypeVar("T")


class Workers:
    """`threads` tasks run and `waiting` wait at most."""

    def __init__(self, threads: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="xlt-work")
        self._room, self._lock = threads + waiting, threading.Lock()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` returns or raises. Raises Busy when too many wait already."""
        with self._lock:
            if not self._room:
                raise Busy("beginning the work", "as much heavy work as the service takes on at once")
            self._room -= 1
        future = self._pool.submit(function, *args, **kwargs)
        future.add_done_callback(self._done)  # not when the caller gives up: the thread goes on until then
        return await asyncio.wrap_future(future)

    def _done(self, _: "Future[T]") -> None:
        with self._lock:
            self._room += 1

    def close(self) -> None:
        """Let what runs end, and drop what waits."""
        self._pool.shutdown(wait=True, cancel_futures=True)
