"""What several schemas share, how errors look, and what the service is."""

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from xlt_augment.service.settings import Limits

LIMITS = Limits()
Word = Annotated[str, StringConstraints(min_length=1, max_length=LIMITS.word)]
TWO = Field(min_length=2, max_length=2)  # lists, as not all programs read the schemas of tuples
T = TypeVar("T")


class Request(BaseModel):
    """What all requests are: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Page(BaseModel, Generic[T]):
    """A part of a list; `next` is the cursor of the part after it, null at the end."""

    items: list[T]
    next: str | None


class Problem(BaseModel):
    """Why there is no answer. `id` stands in the server's log too."""

    id: str
    status: int
    doing: str
    found: str
    expected: str
    remedy: str
    close: list[str] = Field(default=[], description="Words or names near the one that is unknown.")


class Failure(BaseModel):
    """The body of every answer that is an error."""

    error: Problem


class Caps(BaseModel):
    """The largest that a request may ask for."""

    texts: int
    text: int
    variants: int
    work: int
    pieces: int
    word: int
    page: int


class ServiceFacts(BaseModel):
    """What this service is, and what the caller may do."""

    version: str
    sets: list[str] = Field(description="Names of the sets; the first is taken where a request names none.")
    store: bool = Field(description="Whether datasets of a store are served.")
    vetoes: bool = Field(description="Whether there are veto lists.")
    scopes: list[Literal["read", "write"]] = Field(description="Those of the caller's token.")
    limits: Caps
