"""The order of an epoch in which rows of similar length share a batch, so that little is padded."""

from collections.abc import Callable, Iterator

import numpy as np
from torch.utils.data import Sampler

MEGABATCH = 50  # batches that are sorted together, as transformers.trainer_pt_utils.get_length_grouped_indices


class LengthGrouped(Sampler[int]):
    """A random order, in which each run of 50 batches is sorted by length, longest first; the longest row of all comes first.

    It is what `transformers.LengthGroupedSampler` gives for the same permutation, without a Python object for each row. The
    permutation is a function of seed and epoch: all processes have the same, and a run that goes on has that of the run before.
    """

    def __init__(self, lengths: np.ndarray, batch_size: int, *, seed: int, epoch: Callable[[], int]) -> None:
        """`lengths` [items]; `batch_size`: items of one step of one process; `epoch` is asked whenever an epoch begins."""
        self.lengths, self.batch_size, self.seed, self.epoch = lengths, batch_size, seed, epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        size = self.batch_size * max(1, min(len(self) // (self.batch_size * 4), MEGABATCH))
        order = np.random.default_rng([self.seed, self.epoch()]).permutation(len(self))
        longest = int(np.argmax(self.lengths[order])) if len(self) else 0
        first = 0
        for start in range(0, len(order), size):
            part = order[start : start + size]
            part = part[np.argsort(-self.lengths[part], kind="stable")]
            if start == 0:  # what does not fit in memory shows at once
                first, part[0] = int(part[0]), order[longest]
            elif start == longest // size * size:
                part[0] = first
            yield from part.tolist()
