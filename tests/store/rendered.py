"""A dataset to render as Parquet."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from xlt_augment import Substitute, SynonymSet, build

WORDS = SynonymSet.from_mapping({"good": ["fine", "nice"], "movie": ["film"], "naïve": ["simple"]})
M = 3
Change = Callable[[dict[str, Any]], object]


def make(folder: Path, *, rows: int = 40, **options: Any) -> Path:
    """A dataset of pairs in several files."""
    lines = [f"A good movie naïve {k}\thappy film – {k * k}\t{'yes' if k % 3 else 'no'}\n" for k in range(rows)]
    (folder / "née.tsv").write_text("".join(lines), encoding="utf-8")
    settings = {"max_shard_size": 4_000} | options
    return build(folder / "née.tsv", Substitute(WORDS, p=0.5), m=M, out=folder / "data", **settings).path
