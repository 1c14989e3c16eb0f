"""Sets, words, neighbors and comparisons."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from xlt_augment.service.schemas.common import LIMITS, TWO, Page, Request, Word


class SetSummary(BaseModel):
    """A synonym set. `sha256` is its identity."""

    name: str
    source: str = Field(
        description="What it was opened from: an embedded name, the name of a file without its folders, or "
        "TEAM/NAME@vN of the store."
    )
    sha256: str
    words: int
    words_with_neighbors: int
    pairs: int
    most_neighbors: int
    pairs_with_distance: int
    vetoes: int = Field(description="Pairs that the set itself will never hold.")
    origins: bool = Field(description="Whether the set recorded where its neighbors come from.")
    opened_at: str = Field(description="ISO 8601, UTC.")


class SetList(BaseModel):
    """All sets, in the order of the command line."""

    sets: list[SetSummary]


class SetDetail(SetSummary):
    """A set with its provenance and its own vetoes."""

    made: dict[str, Any] = Field(description="How it came to be.")
    veto_pairs: list[Annotated[list[str], TWO]] = Field(description="Its own vetoes, at most the first 1,000.")


class Origin(BaseModel):
    """Where a neighbor comes from, as the set recorded it."""

    source: Literal["constraint", "vectors"] = Field(
        description="`constraint`: the pair is among the synonyms that counter-fitting drew together; `vectors`: it is not."
    )
    lists: list[str] = Field(description="The lists of pairs that name it.")
    before: float | None = Field(description="Distance before counter-fitting.")


class Measured(BaseModel):
    """A neighbor; distance null where the set does not know it."""

    word: str
    distance: float | None


class NeighborEntry(Measured):
    """A word that may stand for the one asked for, and where it comes from, null where the set recorded nothing of it."""

    origin: Origin | None


class Row(BaseModel):
    """A word and its neighbors, nearest first."""

    word: str
    neighbors: list[NeighborEntry]


class Neighborhood(Row):
    """The row of one word of a set. `next`: cursor of the neighbors after these, null at the end."""

    set: str
    sha256: str
    next: str | None


class BatchRequest(Request):
    """Words to look up, as they are written in the set."""

    words: Annotated[list[Word], Field(min_length=1, max_length=LIMITS.page)]


class Batch(BaseModel):
    """The rows of the known words, in the order asked for; `unknown` are the others."""

    set: str
    sha256: str
    rows: list[Row]
    unknown: list[str]


class RowPage(Page[Row]):
    """Rows of a set, in the order of their words."""

    set: str
    sha256: str


class WordEntry(BaseModel):
    """A word of a set; `score` (0 to 100, 100 the same) where spelling was compared."""

    word: str
    neighbors: int
    score: float | None = None


class WordPage(Page[WordEntry]):
    """Words of a set: in sorted order, or nearest in spelling first."""

    set: str
    sha256: str


class Side(BaseModel):
    """One of two sets that are compared."""

    name: str
    sha256: str


class WordChange(BaseModel):
    """What changes for a word from set `a` to set `b`; `distances`: neighbor -> (in a, in b) where they differ."""

    word: str
    status: Literal["same", "changed", "only_in_a", "only_in_b", "in_neither"]
    a: list[Measured]
    b: list[Measured]
    added: list[str]
    removed: list[str]
    reordered: bool
    distances: dict[str, Annotated[list[float | None], TWO]]


class Comparison(Page[WordChange]):
    """What has to change in `a` to make it `b`; `items` are words that differ, or the one word that was asked for."""

    a: Side
    b: Side
    identical: bool
    counts: dict[str, int]


class Reloaded(BaseModel):
    """A set after it was opened again."""

    name: str
    source: str
    before: str = Field(description="sha256 before.")
    after: str = Field(description="sha256 now.")
    changed: bool
