"""Datasets of the store."""

from typing import Any

from pydantic import BaseModel, Field

from xlt_augment.service.schemas.common import Page


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
