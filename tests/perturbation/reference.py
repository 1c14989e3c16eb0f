"""What annexes A and C of the design and the papers say, once more: whole numbers for noise, numpy in float64 for losses."""

import hashlib
import math

import numpy as np

_FULL = 2**64 - 1
G, V = 0x9E3779B97F4A7C15, 0xD1B54A32D192ED03


def mix(z: int) -> int:
    """The finaliser of splitmix64."""
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _FULL
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _FULL
    return z ^ (z >> 31)


def stream(name: str) -> int:
    """c of annex A."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")


def word(seed: int, epoch: int, row: int, draw: int, position: int, step: int) -> int:
    """64 random bits for two dimensions, 2 step and 2 step + 1."""
    r = mix(mix(seed + G & _FULL) ^ mix(stream("delta") + row * G & _FULL))
    w = mix(mix(mix(r + epoch * V & _FULL) + draw * V & _FULL) + position * G & _FULL)
    return mix(w + step * G & _FULL)


def half(dimension: int, *where: int) -> int:
    """32 of those bits."""
    found = word(*where, dimension // 2)
    return found >> 32 if dimension % 2 else found & 0xFFFFFFFF


def uniform(dimension: int, *where: int) -> float:
    """The middle of one of 2^24 equal parts of (-1, 1), by the upper 24 bits as a signed number."""
    top = half(dimension, *where) >> 8
    return ((top - 2**24 if top >= 2**23 else top) + 0.5) / 2**23


def gaussian(dimension: int, *where: int) -> float:
    """Box and Muller: radius from the even half, angle from the odd one."""
    even = dimension // 2 * 2
    first, second = ((half(k, *where) >> 8) + 0.5 for k in (even, even + 1))
    angle = 2 * math.pi * second / 2**24
    return math.sqrt(-2 * math.log(first / 2**24)) * (math.sin(angle) if dimension % 2 else math.cos(angle))


def radius(*where: int) -> float:
    """From the word before the first, upper 24 bits, in single precision."""
    return float(np.float32((word(*where, -1) >> 40) + 0.5) * np.float32(2.0**-24))


def mean_nll(logits: np.ndarray, labels: np.ndarray, smoothing: float = 0.0) -> float:
    """Mean over the rows of -sum_k q_k log softmax(logits)_k, with q = (1 - smoothing) onehot + smoothing / C; float64."""
    shifted = logits - logits.max(-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    rows, classes = log_p.shape
    target = np.full((rows, classes), smoothing / classes)
    target[np.arange(rows), labels] += 1 - smoothing
    return float(-(target * log_p).sum(-1).mean())


def squared_distance(states: np.ndarray, mask: np.ndarray) -> float:
    """Mean over batch and dimensions of (M(x) - M(x^a))^2: minus EPT of the embeddings, SRPT of hidden states. Row by row."""
    means = [row[kept].mean(0) for row, kept in zip(states, mask.astype(bool))]
    size = len(means) // 2
    return float(np.mean([(means[k] - means[size + k]) ** 2 for k in range(size)]))


def attention_pull(matrices: np.ndarray, mask: np.ndarray, max_length: int) -> float:
    """APT of one layer, [2B, H, T, T]: each text's own square, laid on a field of zeros of max_length^2, as annex C."""
    size, found = len(matrices) // 2, []
    for k in range(size):
        for head in range(matrices.shape[1]):
            fields = []
            for row in (k, size + k):
                own, n = np.flatnonzero(mask[row]), int(mask[row].sum())
                field = np.zeros((max_length, max_length))
                field[:n, :n] = matrices[row, head][np.ix_(own, own)]
                fields.append(field)
            found.append(((fields[0] - fields[1]) ** 2).sum() / max_length**2)
    return float(np.mean(found))


def sample(
    norm: str, epsilon: float, dimensions: int, rows: list[int], mask: np.ndarray, *, epoch: int, seed: int, draw: int = 0
) -> np.ndarray:
    """delta of a batch before any step, [B, T, dimensions] float64: uniform in the ball of each token, 0 in padding."""
    found = np.zeros((*mask.shape, dimensions))
    for k, row in enumerate(rows):
        for position, at in enumerate(np.flatnonzero(mask[k])):
            where = (seed, epoch, row, draw, position)
            if norm == "linf":
                found[k, at] = [epsilon * uniform(d, *where) for d in range(dimensions)]
            elif norm == "l2":
                normal = np.array([gaussian(d, *where) for d in range(dimensions)])
                found[k, at] = normal / np.sqrt((normal**2).sum()) * epsilon * radius(*where) ** (1 / dimensions)
            else:
                found[k, at] = [epsilon * gaussian(d, *where) for d in range(dimensions)]
    return found
