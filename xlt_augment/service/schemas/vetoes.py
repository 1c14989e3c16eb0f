"""Veto lists."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from xlt_augment.service.schemas.common import LIMITS, Page, Request, Word


class VetoRequest(Request):
    """A pair never to use, in either direction."""

    first: Word
    second: Word
    author: Annotated[str, StringConstraints(min_length=1, max_length=LIMITS.word)]
    reason: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class WithdrawRequest(Request):
    """Who takes a pair off the list, and why."""

    author: Annotated[str, StringConstraints(min_length=1, max_length=LIMITS.word)]
    reason: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class Withdrawal(BaseModel):
    """Who took a pair off the list, why and when (ISO 8601, UTC)."""

    author: str
    reason: str
    at: str


class Veto(BaseModel):
    """A struck pair, `first` before `second` in sorted order; `in_set`: whether the set holds it now."""

    id: int
    first: str
    second: str
    author: str
    reason: str
    at: str
    set_sha256: str = Field(description="The set as it was when the pair was struck.")
    in_set: bool
    withdrawn: Withdrawal | None


class VetoPage(Page[Veto]):
    """The veto list of a set, newest first. `revision` changes with every change of the list."""

    set: str
    revision: int


class VetoEffect(BaseModel):
    """What the standing vetoes would do to the set: `synonyms veto` with the exported file gives `after`."""

    set: str
    revision: int
    standing: int
    in_set: int
    neighbors_removed: int
    words_left_without: list[str] = Field(description="Words that lose their last neighbor, at most 1,000.")
    before: str
    after: str
