"""Many tests at once: Benjamini-Hochberg over the languages."""

import numpy as np


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Adjusted p [..., L] over the last axis: calling all at or below q keeps the expected share of false calls at q.

    The i-th smallest of m becomes the least of p_j m / j over j >= i, at most 1 (Benjamini and Hochberg 1995), which holds for
    independent tests and for such as go up and down together (Benjamini and Yekutieli 2001), as those of languages do. With
    no true difference anywhere, a call is made in at most q of cases. NaN stays NaN and is not counted in m.
    """
    found = np.asarray(p, dtype=np.float64)
    order = np.argsort(found, axis=-1)  # NaN last
    ranked = np.take_along_axis(found, order, -1)
    count = (~np.isnan(found)).sum(-1, keepdims=True)
    scaled = ranked * count / np.arange(1, found.shape[-1] + 1)
    least = np.fmin.accumulate(scaled[..., ::-1], axis=-1)[..., ::-1]
    adjusted = np.empty_like(found)
    np.put_along_axis(adjusted, order, np.where(np.isnan(ranked), np.nan, np.minimum(least, 1.0)), -1)
    return adjusted
