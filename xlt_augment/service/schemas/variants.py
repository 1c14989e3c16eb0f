"""Variants of texts."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from xlt_augment.service.schemas.common import LIMITS, Request, Word


class AugmentRequest(Request):
    """What `xlt_augment.augment` takes. `protect`: words never to change, no patterns."""

    texts: Annotated[
        list[Annotated[str, StringConstraints(max_length=LIMITS.text)]], Field(min_length=1, max_length=LIMITS.texts)
    ]
    set: Annotated[str | None, Field(max_length=LIMITS.word)] = None
    method: Literal["synonym", "swap"] = "synonym"
    m: Annotated[int, Field(ge=1, le=LIMITS.variants)] = 10
    p: Annotated[float, Field(ge=0, le=1)] | Literal["uniform"] = 0.1
    seed: Annotated[int, Field(ge=0, lt=2**64)] = 0
    words: Literal["span", "space"] = "span"
    case: Literal["exact", "initial", "any"] = "initial"
    protect: Annotated[list[Word], Field(max_length=100)] = []
    column: Annotated[str, StringConstraints(min_length=1, max_length=LIMITS.word)] = "text"
    first_id: Annotated[int, Field(ge=0, lt=2**62)] = 0
    vetoes: Annotated[bool, Field(description="Leave out the pairs that stand on the service's veto list of the set.")] = False


class Span(BaseModel):
    """A replaced or moved word. Offsets count Unicode code points: `text[before_start:before_stop] == before` in the original,
    `variant[start:stop] == after` in the variant."""

    before_start: int
    before_stop: int
    before: str
    start: int
    stop: int
    after: str


class Variant(BaseModel):
    """Variant k of a text. `changed`: words that differ from the original."""

    variant: int
    text: str
    changed: int
    spans: list[Span]


class Augmented(BaseModel):
    """A text and its variants. `words` and `eligible`: how many words it has, and how many of them could change."""

    text: str
    source_id: int
    words: int
    eligible: int
    variants: list[Variant]


class AugmentAnswer(BaseModel):
    """`set` and `sha256` are null for swaps. `command` gives the same variants at the command line."""

    set: str | None
    sha256: str | None
    vetoed: int = Field(description="Pairs of the service's veto list that were left out.")
    command: str
    results: list[Augmented]
