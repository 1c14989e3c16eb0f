"""Vectors of many dimensions on a plane, the same way every time."""

import numpy as np

_PERPLEXITY = 30.0  # scikit-learn's default, as in van der Maaten and Hinton 2008, for as many points as the papers show
_EXACT = 400  # points up to which exact gradients take about a second


def flatten(vectors: np.ndarray) -> np.ndarray:
    """Places [N, 2] for vectors [N, D] by t-SNE (van der Maaten and Hinton 2008), begun from the first principal components.

    The perplexity is clipped to a third of the points. Fewer than four points, or points that are all one, are put on their
    principal components. Nothing is drawn by chance, and one thread keeps sums in one order.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    points = np.asarray(vectors, np.float64)
    with threadpool_limits(limits=1):
        plane = _principal(points)
        if len(points) < 4 or not np.ptp(plane):
            return plane
        perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
        method = "exact" if len(points) <= _EXACT else "barnes_hut"
        start = plane / np.std(plane[:, 0]) * 1e-4
        model = TSNE(perplexity=perplexity, init=start, learning_rate="auto", method=method, random_state=0, n_jobs=1)
        return np.asarray(model.fit_transform(points), np.float64)


def _principal(points: np.ndarray) -> np.ndarray:
    """The first two principal components [N, 2], with signs that do not hang on the library."""
    centred = points - points.mean(axis=0)
    left, size, right = np.linalg.svd(centred, full_matrices=False)
    plane = np.zeros((len(points), 2))
    for k in range(min(2, len(size))):
        sign = np.sign(right[k, np.argmax(np.abs(right[k]))]) or 1.0
        plane[:, k] = left[:, k] * size[k] * sign
    return plane
