"""Noise as a pure function of (seed, epoch, row, draw, position, dimension): annex A of the design, carried on to embeddings.

So it depends neither on batch size, accumulation, padding, the number of processes nor the device. With `mix`, G and V as there
and c = the first 8 bytes, little-endian, of sha256("delta"):

    r = mix(mix(seed + G) ^ mix(c + row * G))
    w = mix(mix(mix(r + epoch * V) + draw * V) + position * G)     position counts the row's own tokens from 0
    u = mix(w + (dimension // 2) * G)                              low half: the even dimension, high half: the odd one
"""

import hashlib
import math
from dataclasses import dataclass

import torch
from torch import Tensor


def _signed(number: int) -> int:
    """64 unsigned bits as torch has them; its products and sums wrap."""
    return (number & (2**64 - 1)) - (2**64 if number & 2**63 else 0)


_G, _V = _signed(0x9E3779B97F4A7C15), _signed(0xD1B54A32D192ED03)
_M1, _M2 = _signed(0xBF58476D1CE4E5B9), _signed(0x94D049BB133111EB)
_STREAM = _signed(int.from_bytes(hashlib.sha256(b"delta").digest()[:8], "little"))


def mix(z: Tensor) -> Tensor:
    """The splitmix64 finaliser (Steele et al. 2014) on int64, in place."""
    z ^= (z >> 30) & (2**34 - 1)  # shifts of signed numbers copy the sign: cut it off
    z *= _M1
    z ^= (z >> 27) & (2**37 - 1)
    z *= _M2
    z ^= (z >> 31) & (2**33 - 1)
    return z


@dataclass(frozen=True, kw_only=True)
class Noise:
    """The source of a batch's noise: `rows` [B] of the training set, `positions` [B, T] of their tokens."""

    rows: Tensor
    positions: Tensor
    epoch: int = 0
    seed: int = 0

    @classmethod
    def of(cls, rows: Tensor, mask: Tensor, *, epoch: int = 0, seed: int = 0) -> "Noise":
        """`mask` [B, T]: 1 where a token is not padding, on whichever side that is."""
        return cls(rows=rows, positions=mask.long().cumsum(-1) - 1, epoch=epoch, seed=seed)

    def uniform(self, dimensions: int, draw: int = 0) -> Tensor:
        """Uniform in (-1, 1), [B, T, dimensions] float32: 2^24 equally spaced values, symmetric about 0."""
        halves = self._words(dimensions, draw).view(torch.int32)[..., :dimensions]
        return ((halves >> 8).float() + 0.5) * 2.0**-23

    def gaussian(self, dimensions: int, draw: int = 0) -> Tensor:
        """Standard normal, [B, T, dimensions] float32 (Box and Muller 1958: two dimensions from the halves of one word)."""
        halves = self._words(dimensions, draw).view(torch.int32).unflatten(-1, (-1, 2))
        first, second = (((halves >> 8) & (2**24 - 1)).float() + 0.5).mul(2.0**-24).unbind(-1)
        radius, angle = (-2 * first.log()).sqrt(), 2 * math.pi * second
        return torch.stack((radius * angle.cos(), radius * angle.sin()), -1).flatten(-2)[..., :dimensions]

    def radius(self, draw: int = 0) -> Tensor:
        """Uniform in (0, 1), [B, T, 1] float32, independent of the others."""
        word = mix(self._bases(draw) - _G)
        return (((word >> 40) & (2**24 - 1)).float() + 0.5).mul(2.0**-24).unsqueeze(-1)

    def _bases(self, draw: int) -> Tensor:
        """w of the formula above, [B, T]."""
        seed = mix(torch.full_like(self.rows, _signed(self.seed + _G), dtype=torch.int64))
        row = mix(seed ^ mix(self.rows * _G + _STREAM))
        drawn = mix(mix(row + _signed(self.epoch * _V)) + _signed(draw * _V))
        return mix(drawn[:, None] + self.positions * _G)

    def _words(self, dimensions: int, draw: int) -> Tensor:
        """u of the formula above, [B, T, ceil(dimensions / 2)]."""
        steps = torch.arange((dimensions + 1) // 2, device=self.rows.device) * _G
        return mix(self._bases(draw)[..., None] + steps)
