"""What goes in and out as JSON. OpenAPI is made from these models."""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from xlt_augment.service.settings import Limits

LIMITS = Limits()
Word = Annotated[str, StringConstraints(min_length=1, max_length=LIMITS.word)]
_TWO = Field(min_length=2, max_length=2)  # lists, as not all programs read the schemas of tuples
T = TypeVar("T")


class _Request(BaseModel):
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
    veto_pairs: list[Annotated[list[str], _TWO]] = Field(description="Its own vetoes, at most the first 1,000.")


class Origin(BaseModel):
    """Where a neighbor comes from, as the set recorded it."""

    source: Literal["constraint", "vectors"] = Field(
        description="`constraint`: the pair is among the synonyms that counter-fitting drew together; `vectors`: it is not."
    )
    lists: list[str] = Field(description="The lists of pairs that name it.")
    before: float | None = Field(description="Distance before counter-fitting.")


class NeighborEntry(BaseModel):
    """A word that may stand for the one asked for; distance null where the set does not know it."""

    word: str
    distance: float | None
    origin: Origin | None = None


class Row(BaseModel):
    """A word and its neighbors, nearest first."""

    word: str
    neighbors: list[NeighborEntry]


class Neighborhood(Row):
    """The row of one word of a set. `next`: cursor of the neighbors after these, null at the end."""

    set: str
    sha256: str
    next: str | None


class BatchRequest(_Request):
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
    a: list[NeighborEntry]
    b: list[NeighborEntry]
    added: list[str]
    removed: list[str]
    reordered: bool
    distances: dict[str, Annotated[list[float | None], _TWO]]


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


class AugmentRequest(_Request):
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


class DatasetEntry(BaseModel):
    """A dataset of the store, in its newest version."""

    name: str
    version: int
    versions: list[int]
    identity: str
    by: str
    at: str


class DatasetPage(Page[DatasetEntry]):
    """Datasets of the store, by name."""


class DatasetDetail(DatasetEntry):
    """One version of a dataset; `about` and `parents` as its publisher recorded them, `card` in Markdown."""

    bytes: int
    files: int
    about: dict[str, Any]
    parents: list[dict[str, Any]]
    recipe: dict[str, Any]
    statistics: dict[str, Any]
    synonyms: dict[str, Any] | None
    card: str


class DatasetSample(BaseModel):
    """A source row and its variants, at most the first 20, and fewer of very long texts: texts by column."""

    source_id: int
    label: str | int | float | None
    texts: dict[str, str]
    variants: list[dict[str, str]]


class DatasetSamples(BaseModel):
    """The first rows of a dataset; fewer than were asked for where their texts are very long."""

    name: str
    version: int
    checked: bool = Field(
        description="Whether the sha256 of the file was compared; of files above 64 MiB the beginning alone is read, unchecked."
    )
    samples: list[DatasetSample]


class VetoRequest(_Request):
    """A pair never to use, in either direction."""

    first: Word
    second: Word
    author: Annotated[str, StringConstraints(min_length=1, max_length=LIMITS.word)]
    reason: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class WithdrawRequest(_Request):
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
    """What the standing vetoes would do to the set: `synonyms veto` with the exported file gives `sha256`."""

    set: str
    revision: int
    standing: int
    in_set: int
    neighbors_removed: int
    words_left_without: list[str] = Field(description="Words that lose their last neighbor, at most 1,000.")
    before: str
    after: str
