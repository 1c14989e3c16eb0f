"""The smoothed classifier g(x) = argmax_c P(f(E(x) + delta) = c) (Cohen et al. 2019; Huang et al. 2021), by draws."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from xlt_train.data.assemble import Cell
from xlt_train.errors import UsageError
from xlt_train.methods.base import Batch
from xlt_train.methods.rs_rp import RsRp
from xlt_train.methods.settings import SETTINGS

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


@dataclass(frozen=True, kw_only=True)
class Smoothing:
    """How a classifier is smoothed: the settings of `rs-rp`, how many draws, and the seed of their noise."""

    draws: int
    epsilon: float
    norm: str = "linf"
    noise: str = "uniform"
    depth: str = "embeddings"
    spare_special_tokens: bool = False
    seed: int = 0

    @classmethod
    def of(cls, draws: int, trained: Mapping[str, Any], given: Mapping[str, Any]) -> "Smoothing | None":
        """`draws` with what was given, else with what the run was trained with; None where `draws` is 0.

        Raises UsageError for settings without draws, draws without epsilon, and values that `rs-rp` does not take.
        """
        given = {name: value for name, value in given.items() if value is not None}
        names = [one.name for one in fields(cls)][1:]
        unknown = [name for name in given if name not in names]
        if unknown or draws < 0 or (given and not draws):
            found = f"{unknown[0]}" if unknown else f"--smooth {draws}" + "".join(f" --{name} {given[name]}" for name in given)
            raise UsageError(
                "reading the settings of smoothing",
                found=found,
                expected="--smooth N, the number of draws, with " + ", ".join(f"--{name}" for name in names if "_" not in name),
                remedy="Give --smooth 100 for example, or leave out the others",
            )
        if not draws:
            return None
        chosen = {name: trained[name] for name in names[:-1] if name in trained} | given
        if "epsilon" not in chosen:
            raise UsageError(
                "reading --epsilon",
                found=f"none, and a run of {trained['name']} was trained without",
                expected="the radius to draw from, such as 0.1",
                remedy="Give --epsilon",
            )
        smoothing = cls(draws=draws, **chosen | {"epsilon": float(chosen["epsilon"])})
        smoothing.method()  # its settings are checked
        return smoothing

    def method(self) -> RsRp:
        """The method that draws so."""
        return RsRp(**{name: value for name, value in asdict(self).items() if name in SETTINGS and name != "draws"})

    def check(self, model: "PreTrainedModel") -> None:
        """Raises UsageError or ModelError for a model that cannot be perturbed there."""
        from xlt_train.perturbation.depth import check_reach

        if self.epsilon:
            check_reach(model, self.depth)

    def drawn(
        self,
        model: "PreTrainedModel",
        inputs: "Mapping[str, torch.Tensor]",
        addresses: "torch.Tensor",
        special_ids: tuple[int, ...],
    ) -> "Iterator[torch.Tensor]":
        """Logits [B, C] float32 of a batch, one draw after the other."""
        from xlt_train.perturbation.depth import Site, adding

        method, site = self.method(), Site.of(model, self.depth)
        batch = Batch(inputs=inputs, labels=addresses, rows=addresses, seed=self.seed, special_ids=special_ids)
        source, allowed = method.source(batch), method.allowed(batch)
        for draw in range(self.draws):
            with adding(site, method.delta(source, site.dimensions, draw).mul_(allowed)):
                yield model(**inputs).logits.float()


class Tally:
    """Votes of the draws for a batch of B rows, their mean logits and mean probabilities."""

    def __init__(self) -> None:
        self.draws = 0
        self.sums: tuple[torch.Tensor, ...] = ()

    def add(self, logits: "torch.Tensor") -> None:
        """Count one draw, [B, C]."""
        import torch

        vote = torch.zeros_like(logits).scatter_(-1, logits.argmax(-1, keepdim=True), 1)
        more = vote, logits, logits.softmax(-1)
        self.sums = tuple(a + b for a, b in zip(self.sums, more)) if self.draws else more
        self.draws += 1

    def outcome(self) -> "tuple[torch.Tensor, ...]":
        """Mean logits [B, C], the class [B] of most votes (of equal ones the more probable, then the first), and votes."""
        votes, logits, probabilities = self.sums
        leading = votes == votes.amax(-1, keepdim=True)
        return logits / self.draws, probabilities.masked_fill(~leading, -1).argmax(-1), votes

    @staticmethod
    def unmoved(logits: "torch.Tensor", draws: int) -> "tuple[torch.Tensor, ...]":
        """What draws that are all the same come to."""
        import torch

        first = logits.argmax(-1)
        return logits, first, torch.zeros_like(logits).scatter_(-1, first[:, None], draws)


def noise_addresses(cell: Cell, items: np.ndarray) -> np.ndarray:
    """Where a row's noise comes from, [I] int64: from the cell's languages and the item, whatever else is judged."""
    digest = hashlib.sha256("\t".join(language or "" for language in cell).encode()).digest()
    found: np.ndarray = (items.astype(np.uint64) + np.frombuffer(digest[:8], "<u8")).view(np.int64)
    return found
