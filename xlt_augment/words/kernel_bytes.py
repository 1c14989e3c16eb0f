"""Compiled helpers on byte ranges: mix, hash, compare, copy. Callers: the other kernels."""

import numpy as np

from xlt_augment.compiled import compiled

_FNV_BASIS, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


@compiled
def mix(z: np.uint64) -> np.uint64:
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@compiled
def hash_bytes(data: np.ndarray, start: int, stop: int) -> np.uint64:
    h = _FNV_BASIS
    for i in range(start, stop):
        h = (h ^ np.uint64(data[i])) * _FNV_PRIME
    return mix(h)


@compiled
def same_bytes(a: np.ndarray, a_start: int, a_stop: int, b: np.ndarray, b_start: int, b_stop: int) -> bool:
    if a_stop - a_start != b_stop - b_start:
        return False
    for i in range(a_stop - a_start):
        if a[a_start + i] != b[b_start + i]:
            return False
    return True


@compiled
def copy_bytes(out: np.ndarray, o: int, data: np.ndarray, start: int, stop: int) -> int:
    for i in range(stop - start):
        out[o + i] = data[start + i]
    return o + stop - start
