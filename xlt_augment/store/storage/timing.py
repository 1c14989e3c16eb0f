"""How long a storage may take to answer."""

import math
import os

from xlt_augment.errors import StoreError

VARIABLE = "XLT_STORE_TIMEOUT"
_DEFAULT = 10.0  # seconds: a connection takes well below one, and a mistaken address is known within two of these


def timeout_seconds() -> float:
    """Seconds to wait for a connection, from the environment. Raises StoreError for anything but a number of 0.1 to 3,600."""
    text = os.environ.get(VARIABLE, "").strip()
    try:
        value = float(text) if text else _DEFAULT
    except ValueError:
        value = math.nan
    if not 0.1 <= value <= 3_600:
        raise StoreError(
            f"reading {VARIABLE}",
            found=repr(text[:40]),
            expected="seconds, from 0.1 to 3600",
            remedy="Set another value, or none",
        )
    return value
