"""Read word vectors from a file: what is asked for, in one pass, with memory for the kept rows only."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from xlt_augment.canonical import sha256_file
from xlt_augment.errors import UsageError
from xlt_augment.vectors.binary import read_binary
from xlt_augment.vectors.layout import Layout, find_layout
from xlt_augment.vectors.rows import Rows
from xlt_augment.vectors.streams import open_stream, refuse
from xlt_augment.vectors.text import read_text
from xlt_augment.vectors.word_vectors import WordVectors


def read_vectors(
    path: str | Path,
    *,
    format: str = "auto",
    member: str | None = None,
    vocabulary: str | Path | None = None,
    limit: int | None = None,
    lower: bool = False,
    progress: Callable[[int], object] | None = None,
) -> WordVectors:
    """The vectors of a file: text, .bin, or either packed as .gz, .bz2, .zst, or as `member` of a .zip.

    `format` is auto, glove (no header), word2vec (header) or word2vec-bin. Of the first `limit` rows, all are kept or those of
    the words in the file `vocabulary`, one a line. With `lower` the words of both files are lower-cased: of several spellings
    the one that is lower-case already gives the vector, else the first; the place in the order is that of the first.
    Rows that are not kept are checked for their count of fields only. `progress` is called with the count of rows since its
    last call. Raises VectorError, which names file and line, for what cannot be read, and UsageError.
    """
    path = Path(path)
    if limit is not None and limit < 1:
        raise UsageError(
            f"reading {path}", found=f"a limit of {limit}", expected="1 or more", remedy="Leave it out for all rows"
        )
    wanted = None if vocabulary is None else _read_vocabulary(Path(vocabulary), lower)
    with open_stream(path, member) as stream:
        layout = find_layout(stream, format)
        rows = Rows(layout.dimensions, _places(stream.where, layout), wanted, lower)
        read = read_binary if layout.format == "word2vec-bin" else read_text
        count = read(stream, layout, rows, limit, progress or (lambda rows: None))
    if not rows.index:
        found = f"none of the {len(wanted or ()):,} words of {vocabulary} in {count:,} rows"
        refuse(stream.where, found, "some of them", "Check language and spelling of the vocabulary; lower-casing may help")
    made: dict[str, Any] = {
        "name": path.name,
        "member": stream.member,
        "sha256": sha256_file(path),
        "format": layout.format,
        "dimensions": layout.dimensions,
        "rows_read": count,
        "rows_kept": len(rows.index),
        "limit": limit,
        "lower": lower,
        "vocabulary": _about(Path(vocabulary), wanted, rows) if vocabulary is not None and wanted is not None else None,
        "collisions": rows.collisions,
    }
    return WordVectors(tuple(rows.index), rows.matrix(), rows.row_numbers(), made)


def _about(path: Path, wanted: frozenset[str], rows: Rows) -> dict[str, Any]:
    return {"name": path.name, "sha256": sha256_file(path), "words": len(wanted), "found": len(rows.index)}


def _places(where: str, layout: Layout) -> Callable[[int], str]:
    if layout.format == "word2vec-bin":
        return lambda row: f"{where}: row {row:,}"
    return lambda row: f"{where}:{row + layout.header_lines}"


def _read_vocabulary(path: Path, lower: bool) -> frozenset[str]:
    """The words of a file, one a line, in lower case where asked. Raises VectorError."""
    expected, remedy = "a file with a word a line, in UTF-8", "Check the vocabulary"
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        refuse(str(path), (error.strerror or str(error)).lower(), expected, remedy)
    words = set()
    for number, line in enumerate(lines, start=1):
        try:
            word = line.decode().strip(" \t\r")
        except UnicodeDecodeError:
            refuse(f"{path}:{number}", f"{line[:40]!r}, not UTF-8", expected, remedy)
        words.add(word.lower() if lower else word)
    words.discard("")
    if not words:
        refuse(str(path), "no word", expected, remedy)
    return frozenset(words)
