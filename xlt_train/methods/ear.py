"""EAR: embedding-push, attention-pull and robust targets (Ding et al. 2022), with the ablations of its Tables 3, 4 and A.4."""

import math
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar

from xlt_train.errors import UsageError
from xlt_train.methods.base import Batch, Loss, Method, cross_entropy, logits, setting, wrong_setting

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedTokenizerBase

    from xlt_train.perturbation.reading import Readings

_PUSHES, _PULLS = ("ept", "nt", "none"), ("apt", "srpt", "none")


@dataclass(frozen=True, kw_only=True)
class Ear(Method):
    """CE(x) + CE(x^a) + alpha EPT + beta APT (Equation 5), x^a a synonym variant of x; both go through the model at once.

    Published: alpha 1, beta 0.1, the middle layer (6 of 12), one epoch, all m variants. A weight of 0 leaves its target out.
    """

    name: ClassVar[str] = "ear"
    summary: ClassVar[str] = "cross-entropy on originals and synonym variants, embedding-push, attention-pull"
    epochs: ClassVar[float] = 1.0
    operator: ClassVar[str | None] = "synonym"
    paired: ClassVar[bool] = True
    plain: ClassVar[bool] = False
    alpha: float = setting(1.0, "Weight of the push.")
    beta: float = setting(0.1, "Weight of the pull.")
    push: str = setting(
        "ept", "ept: embedding-push; nt: none, but Gaussian noise on the variant's embeddings; none.", kind=_PUSHES
    )
    pull: str = setting("apt", "apt: attention-pull; srpt: sentence representation pull; none.", kind=_PULLS)
    layers: str | None = setting(None, "Layers of the pull, counted from 1: 6 or 4,6,8; by default the middle one.", kind=str)
    sigma: float = setting(0.01, "Standard deviation of nt's noise, which the paper does not give.")
    max_length: int = 128  # T of Equation 2: what inputs are padded to in the paper

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "sigma"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise wrong_setting(name, value, "0 or more")
        for name, known in (("push", _PUSHES), ("pull", _PULLS)):
            if getattr(self, name) not in known:
                raise wrong_setting(name, repr(getattr(self, name)), ", ".join(known))
        self._check_idle()
        if self.layers is not None and not all(part.strip().isdecimal() for part in self.layers.split(",")):
            raise wrong_setting("layers", repr(self.layers), "numbers of layers, such as 6 or 4,6,8")

    def _check_idle(self) -> None:
        """Refuse what would change nothing and yet stand in the record."""
        usual = {one.name: one.default for one in fields(self)}
        idle = {
            "alpha": self.push != "ept",
            "sigma": self.push != "nt",
            "beta": self.pull == "none",
            "layers": self.pull == "none",
        }
        for name in (name for name, is_idle in idle.items() if is_idle):
            if getattr(self, name) not in (usual[name], 0):
                target = "pull" if name in ("beta", "layers") else "push"
                said = f"--{target} {getattr(self, target)}"
                raise wrong_setting(name, getattr(self, name), f"none with {said}, where it changes nothing")

    @property
    def pushes(self) -> bool:
        """Whether the push is a term of the loss."""
        return self.push == "ept" and self.alpha > 0

    @property
    def pulls(self) -> bool:
        """Whether the pull is."""
        return self.pull != "none" and self.beta > 0

    def pulled_layers(self, model: "Module") -> tuple[int, ...]:
        """Layers whose attention or states are compared, counted from 1: those named, or the middle one."""
        from xlt_train.perturbation.anatomy import Anatomy

        if self.layers is not None:
            return tuple(dict.fromkeys(int(part) for part in self.layers.split(",")))
        return (max(1, Anatomy.of(model).depth // 2),)

    def check(self, model: "Module", tokenizer: "PreTrainedTokenizerBase") -> None:
        """As `check_readable` for the layers of the pull; UsageError for a tokenizer that pads on the left."""
        from xlt_train.perturbation.reading import check_readable

        layers = self.pulled_layers(model) if self.pulls else ()
        heads = layers if self.pull == "apt" else ()
        check_readable(model, embeddings=self.pushes or self.push == "nt", hidden=layers, heads=heads)
        if self.pulls and self.pull == "apt" and tokenizer.padding_side == "left":
            raise UsageError(
                "preparing ear",
                found="a tokenizer that pads on the left",
                expected="one that pads on the right, so that positions of a pair stand below each other",
                remedy="Choose another --model, or --pull none",
            )

    def loss(self, model: "Module", batch: Batch) -> Loss:
        """Terms `ce_x`, `ce_xa`, and where they count `ept`, `apt` or `srpt`, each before its weight."""
        from xlt_train.perturbation.reading import reading

        size, layers = len(batch.labels), self.pulled_layers(model) if self.pulls else ()
        with ExitStack() as around:
            if self.push == "nt" and self.sigma > 0:
                around.enter_context(self._noise(model, batch))
            read = around.enter_context(
                reading(
                    model,
                    embeddings=self.pushes,
                    hidden=layers if self.pull == "srpt" else (),
                    heads=layers if self.pull == "apt" else (),
                )
            )
            found = logits(model, batch)
        terms = {
            "ce_x": cross_entropy(found[:size], batch.labels, self.label_smoothing),
            "ce_xa": cross_entropy(found[size:], batch.labels, self.label_smoothing),
        }
        total = terms["ce_x"] + terms["ce_xa"]
        if self.pushes:
            terms["ept"] = embedding_push(read, batch)
            total = total + self.alpha * terms["ept"]
        if self.pulls:
            pull = attention_pull(read, batch, self.max_length) if self.pull == "apt" else sentence_pull(read, batch)
            terms[self.pull] = pull
            total = total + self.beta * pull
        return Loss(total, terms)

    def _noise(self, model: "Module", batch: Batch) -> AbstractContextManager[None]:
        """NT: Gaussian noise on the embeddings of x^a, none on those of x."""
        import torch

        from xlt_train.perturbation.depth import EMBEDDINGS, Site, adding
        from xlt_train.perturbation.noise import Noise

        site, size = Site.of(model, EMBEDDINGS), len(batch.labels)
        mask = batch.mask[size:]
        noise = Noise.of(batch.rows[size:], mask, epoch=batch.epoch, seed=batch.seed).gaussian(site.dimensions)
        noise = noise.mul_(self.sigma).mul_(mask[..., None])
        return adding(site, torch.cat((torch.zeros_like(noise), noise)))


def mean_pooled(states: "Tensor", mask: "Tensor") -> "Tensor":
    """M: the mean of states [B, T, D] over the tokens of a mask [B, T], [B, D] float32."""
    weights = mask.float()[..., None]
    pooled: Tensor = (states.float() * weights).sum(1) / weights.sum(1)
    return pooled


def embedding_push(read: "Readings", batch: Batch) -> "Tensor":
    """EPT (Equation 1): minus the mean over batch and dimensions of (M(E_x) - M(E_xa))^2."""
    return -_distance(read.embeddings, batch)


def sentence_pull(read: "Readings", batch: Batch) -> "Tensor":
    """SRPT: the mean over batch and dimensions of (Sent(x) - Sent(x^a))^2, of several layers their mean."""
    distances = [_distance(states, batch) for states in read.hidden.values()]
    return sum(distances[1:], distances[0]) / len(distances)


def _distance(states: "Tensor", batch: Batch) -> "Tensor":
    first, second = mean_pooled(states, batch.mask).chunk(2)
    return (first - second).square().mean()


def attention_pull(read: "Readings", batch: Batch, max_length: int) -> "Tensor":
    """APT (Equation 2): for each pair and head the sum over positions of (A_x - A_xa)^2, by heads and max_length^2.

    A row of A counts 0 beyond its own text, as a column does by the mask, so a batch's padding changes nothing, and the scale
    is the paper's, whose inputs were all padded to 128. A mean over the batch, of several layers over them.
    """
    mask = batch.mask[:, None, :, None]
    found = []
    for heads in read.heads.values():
        first, second = (heads.distribution() * mask).chunk(2)
        found.append((first - second).square().sum() / (first.shape[0] * first.shape[1] * max_length**2))
    return sum(found[1:], found[0]) / len(found)
