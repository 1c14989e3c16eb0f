"""Small JSON records that carry their own sha256, in one rendering: any other byte is found."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from xlt_augment.canonical import pretty_json, sha256_json
from xlt_augment.errors import StoreError

T = TypeVar("T")
_SEAL = "sha256"  # key of the hash over all other keys, in every version of every format
_AGAIN = "Run xlt-augment store verify, which says what mends it"


class Damaged(StoreError):
    """Something of a store that is not what was written."""


def sealed(body: Mapping[str, Any]) -> bytes:
    """The record as it is written, with its hash."""
    return pretty_json({**body, _SEAL: sha256_json(dict(body))})


def unsealed(content: bytes, form: str, where: str, make: Callable[[dict[str, Any]], T], remedy: str = _AGAIN) -> T:
    """What `make` makes of a record's keys, `sha256` left out.

    Raises StoreError for a record that was changed (with this `remedy`), is of another format than `form` ("xlt-reference/1"),
    or that `make` refuses with ValueError, KeyError or TypeError.
    """
    try:
        body = json.loads(content)
        stated = body.pop(_SEAL)
        whole = sealed(body) == content and sha256_json(body) == stated
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise damaged(where, "no record", f"{form} as xlt-augment wrote it", remedy) from error
    if not whole:  # before the format is looked at, which may be what was changed
        raise damaged(where, "a changed record", f"one with sha256 {str(stated)[:12]}", remedy)
    check_format(body.pop("format", None), form, where)
    try:
        return make(body)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(where, f"a record without what is needed ({error})", f"the keys of {form}", remedy) from error


def check_format(found: object, form: str, where: str) -> None:
    """Raises StoreError for another format, naming what to do about a newer one."""
    if found == form:
        return
    kind, _, version = str(found).partition("/")
    newer = kind == form.partition("/")[0] and version.isdecimal()
    raise StoreError(
        f"reading {where}",
        found=f"the format {str(found)[:40]!r}",
        expected=repr(form),
        remedy="It was written by a newer xlt: update yours (pip install --upgrade xlt)"
        if newer
        else "Check the address of the store",
    )


def damaged(where: str, found: str, expected: str, remedy: str = _AGAIN) -> "Damaged":
    """The error for something of a store that is not what was written; `remedy`: what mends it."""
    return Damaged(
        f"reading {where}", found=found, expected=expected, remedy=f"It was damaged or altered after it was written. {remedy}"
    )
