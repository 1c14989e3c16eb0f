"""A cluster without Ray: items travel pickled and come back in any order, some after an attempt that was lost."""

import pickle
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from xlt_augment.cluster import Cluster


class InProcess(Cluster):
    """What `Cluster` does, in this process. `lost` items are done twice, as after a worker that died when it had written."""

    def __init__(
        self, *, seed: int = 0, lost: Sequence[int] = (), before: Callable[[int], object] = lambda number: None
    ) -> None:
        super().__init__(None)
        self.seed, self.lost, self.before = seed, set(lost), before
        self.items: list[Any] = []

    def map(
        self, work: Callable[[Any, Any], Any], items: Sequence[Any], *, shared: Any, cpus: int = 1
    ) -> Iterator[tuple[int, Any]]:
        """See `Cluster.map`."""
        self.items = list(items)
        numbers = list(range(len(items)))
        random.Random(self.seed).shuffle(numbers)
        packed = pickle.dumps(shared)
        for number in numbers:
            self.before(number)
            for _ in range(1 + (number in self.lost)):
                result = work(pickle.loads(packed), pickle.loads(pickle.dumps(items[number])))  # noqa: S301
            yield number, pickle.loads(pickle.dumps(result))  # noqa: S301
