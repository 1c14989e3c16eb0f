"""Ends tasks that take too long: one timer for all, as all have the same time."""

import asyncio
from typing import Any


class Deadline:
    """A task and when it must be done; `missed` says that it was not, and was cancelled."""

    __slots__ = ("missed", "task", "when")

    def __init__(self, task: "asyncio.Task[Any]", when: float) -> None:
        self.task, self.when, self.missed = task, when, False


class Deadlines:
    """`seconds` for each task, from `start` to `stop`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: dict[Deadline, None] = {}  # in order of `when`
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> Deadline:
        """Watch the current task."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        deadline = Deadline(task, loop.time() + self._seconds)
        self._waiting[deadline] = None
        if self._timer is None or self._loop is not loop:
            self._timer, self._loop = loop.call_at(deadline.when, self._look), loop
        return deadline

    def stop(self, deadline: Deadline) -> None:
        """The task is done with, however it went."""
        self._waiting.pop(deadline, None)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._waiting:
            deadline = next(iter(self._waiting))
            if deadline.when > loop.time():
                self._timer = loop.call_at(deadline.when, self._look)
                return
            del self._waiting[deadline]
            deadline.missed = True
            deadline.task.cancel()
