"""Load the compiler without what no kernel needs."""

import sys

_BLAS = "scipy.linalg.cython_blas"


def load_compiler() -> None:
    """Import numba's array functions while scipy's BLAS seems to be missing, for which they would import all of scipy.linalg:
    a quarter of a second of every command. For the command line alone: other users of numba in a process may want it."""
    if _BLAS in sys.modules:
        return
    sys.modules[_BLAS] = None  # type: ignore[assignment]  # importing it fails at once
    try:
        import numba.np.arraymath  # noqa: F401
    finally:
        del sys.modules[_BLAS]
