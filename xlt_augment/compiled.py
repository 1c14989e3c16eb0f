"""How the inner loops are compiled: numba, without the GIL, kept on disk between runs."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit


def _sources_digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("kernel*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


_DIGEST = _sources_digest()


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` on its first call, or load what an earlier process compiled.

    numba's cache looks at the file of the function alone, not at the helpers it calls from other files; the digest of
    all kernel sources in the name closes that gap.
    """
    return _compiled(function)


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `compiled`, for a helper of a few lines: arrays are handed over by dozens of words, so a call costs 20 ns."""
    return _compiled(function, forceinline=True)


def _compiled(function: Callable[..., Any], **options: bool) -> Callable[..., Any]:
    function.__qualname__ += "_" + _DIGEST
    jit: Any = njit
    try:
        found: Callable[..., Any] = jit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # no folder that could hold the cache: compile in every process
        found = jit(nogil=True, **options)(function)
    return found
