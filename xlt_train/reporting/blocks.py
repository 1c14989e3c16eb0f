"""What a page is made of, from top to bottom. All texts are plain: the page escapes them."""

from dataclasses import dataclass, field
from typing import Literal

from xlt_train.reporting.tables import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A figure on the page: the text of a `Drawing` and its SVG file as text."""

    name: str
    title: str
    caption: str
    description: str
    numbers: Table
    svg: str


@dataclass(frozen=True, slots=True)
class Note:
    """A paragraph set apart: a note, or an alarm, which says that numbers beside it may mislead."""

    text: str
    kind: Literal["note", "alarm"] = "note"


Block = Table | Picture | Note


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, paragraphs in plain words, and what they speak of."""

    title: str
    lead: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The whole report: a title, one paragraph that sums it up, sections, and lines at the foot (versions, how it was made)."""

    title: str
    summary: str
    sections: tuple[Section, ...]
    foot: tuple[str, ...] = field(default=())
