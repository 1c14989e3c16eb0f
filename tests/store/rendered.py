"""A dataset to render as Parquet, and its rendering."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from xlt_augment import Substitute, SynonymSet, build
from xlt_augment.materialize.parquet import write_parquet

WORDS = SynonymSet.from_mapping({"good": ["fine", "nice"], "movie": ["film"], "naïve": ["simple"]})
M = 3
Change = Callable[[dict[str, Any]], object]


def make(folder: Path, *, rows: int = 40, **options: Any) -> Path:
    """A dataset of pairs in several files."""
    lines = [f"A good movie naïve {k}\thappy film – {k * k}\t{'yes' if k % 3 else 'no'}\n" for k in range(rows)]
    (folder / "née.tsv").write_text("".join(lines), encoding="utf-8")
    settings = {"max_shard_size": 4_000} | options
    return build(folder / "née.tsv", Substitute(WORDS, p=0.5), m=M, out=folder / "data", **settings).path


def render(data: Path) -> Path:
    """Its rendering, in several files, beside it."""
    out = data.with_name("out")
    write_parquet(data, out, max_file=1_300, row_group=2_000)
    return out
