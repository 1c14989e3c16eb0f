"""Compiled float64 sums in one fixed order: the same bits on every processor and for any number of threads.

No fast-math: the compiler may neither reorder nor fuse, and eight lanes still let it use vector instructions.
"""

import numpy as np

from xlt_augment.compiled import compiled


@compiled
def dot(x: np.ndarray, i: int, y: np.ndarray, j: int) -> float:
    """Product of row i of x and row j of y."""
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    whole = x.shape[1] // 8 * 8
    for d in range(0, whole, 8):
        s0 += np.float64(x[i, d]) * np.float64(y[j, d])
        s1 += np.float64(x[i, d + 1]) * np.float64(y[j, d + 1])
        s2 += np.float64(x[i, d + 2]) * np.float64(y[j, d + 2])
        s3 += np.float64(x[i, d + 3]) * np.float64(y[j, d + 3])
        s4 += np.float64(x[i, d + 4]) * np.float64(y[j, d + 4])
        s5 += np.float64(x[i, d + 5]) * np.float64(y[j, d + 5])
        s6 += np.float64(x[i, d + 6]) * np.float64(y[j, d + 6])
        s7 += np.float64(x[i, d + 7]) * np.float64(y[j, d + 7])
    for d in range(whole, x.shape[1]):
        s0 += np.float64(x[i, d]) * np.float64(y[j, d])
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))


@compiled
def squared_distance(x: np.ndarray, i: int, j: int) -> float:
    """Squared Euclidean distance of rows i and j."""
    s0 = s1 = s2 = s3 = 0.0
    whole = x.shape[1] // 4 * 4
    for d in range(0, whole, 4):
        e0 = np.float64(x[i, d]) - np.float64(x[j, d])
        e1 = np.float64(x[i, d + 1]) - np.float64(x[j, d + 1])
        e2 = np.float64(x[i, d + 2]) - np.float64(x[j, d + 2])
        e3 = np.float64(x[i, d + 3]) - np.float64(x[j, d + 3])
        s0 += e0 * e0
        s1 += e1 * e1
        s2 += e2 * e2
        s3 += e3 * e3
    for d in range(whole, x.shape[1]):
        e0 = np.float64(x[i, d]) - np.float64(x[j, d])
        s0 += e0 * e0
    return (s0 + s1) + (s2 + s3)


@compiled
def norms(x: np.ndarray) -> np.ndarray:
    """Euclidean norms of the rows, float64 [V]."""
    out = np.empty(x.shape[0])
    for i in range(x.shape[0]):
        out[i] = np.sqrt(dot(x, i, x, i))
    return out
