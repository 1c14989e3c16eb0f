"""Synonym sets on disk: the Arrow form, the published JSON, groups of words; and the embedded sets by name."""

import json
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pyarrow as pa

from xlt_augment.canonical import canonical_json, pretty_json, sha256_file
from xlt_augment.errors import OutputError, SynonymError
from xlt_augment.resources import resource
from xlt_augment.synonyms.origins import Origins, origins_sha256
from xlt_augment.synonyms.table import (
    FORMAT,
    SCHEMA,
    checked_table,
    groups_to_mapping,
    table_from_mapping,
    table_sha256,
    table_statistics,
)
from xlt_augment.synonyms.vetoes import Pair, checked_vetoes

EMBEDDED = {"english-wordnet": "synonyms/english-wordnet.arrow"}
DEFAULT = "english-wordnet"
_METADATA_KEY, _ORIGINS_KEY = b"xlt", b"xlt-origins"
_IMPORT_AGAIN = "Fetch the file again, or make it with: xlt-augment synonyms import SET.json SET.arrow"


class Loaded(NamedTuple):
    """What a file holds: rows that are sorted and checked, a name taken from its own, how the set came to be, vetoes, and
    where the neighbors come from, packed as it lies in the file."""

    table: pa.Table
    name: str
    made: dict[str, Any]
    vetoes: tuple[Pair, ...] = ()
    origins: bytes | None = None


def load(source: str | Path) -> Loaded:
    """An embedded set by name (`default`, `english-wordnet`), or a file by its ending: .arrow, .json, .txt.

    Raises SynonymError for a name that is neither and for a file that is not a synonym set.
    """
    name = DEFAULT if str(source) == "default" else str(source)
    path = resource(EMBEDDED[name]) if name in EMBEDDED else Path(source)
    readers = {".arrow": read_arrow, ".json": read_json, ".txt": _read_groups}
    if not path.is_file():
        _refuse(path, "no such file, and no embedded set of that name", f"a file, or one of: default, {', '.join(EMBEDDED)}")
    if path.suffix not in readers:
        _refuse(path, f"the ending {path.suffix!r}", f"one of {', '.join(readers)}", "Rename the file by what it holds")
    found = readers[path.suffix](path)
    return found._replace(name=name) if name in EMBEDDED else found


def read_arrow(path: Path) -> Loaded:
    """The Arrow form. Its content and its origins must have the sha256 that its metadata names. Raises SynonymError."""
    remedy = _IMPORT_AGAIN
    try:
        with pa.memory_map(str(path)) as stream:
            table = pa.ipc.open_stream(stream).read_all()  # a view of the mapped file
            table.validate(full=True)
        entries = table.schema.metadata or {}
        metadata, origins = json.loads(entries[_METADATA_KEY]), entries.get(_ORIGINS_KEY)
        stated, made = metadata["sha256"], metadata["made"]
        if metadata["format"] != FORMAT:
            _refuse(path, f"the format {metadata['format']!r}", f"{FORMAT!r}", "Update xlt, or import the set again")
        vetoes = checked_vetoes(metadata.get("vetoes", []), str(path))
        columns_differ = table.schema.remove_metadata() != SCHEMA
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        _refuse(path, f"no readable synonym set ({_first_line(error)})", "an Arrow stream written by xlt-augment", remedy)
    if columns_differ:
        _refuse(path, f"the columns {', '.join(table.schema.names)}", f"{', '.join(SCHEMA.names)}", remedy)
    table = checked_table(table, str(path))
    if (found := table_sha256(table, vetoes)) != stated:
        _refuse(path, f"content with sha256 {found[:12]}", f"{str(stated)[:12]}, as its metadata says", remedy)
    _check_origins(path, origins, found, metadata.get("origins"))
    return Loaded(table, path.stem, made, vetoes, origins)


def _check_origins(path: Path, packed: bytes | None, identity: str, stated: object) -> None:
    """Refuse origins that are not the stated ones; what is in them is looked at when somebody asks."""
    found = None if packed is None else origins_sha256(packed, identity)
    if found != stated:
        shown = [f"origins with sha256 {str(sha256)[:12]}" if sha256 else "no origins" for sha256 in (found, stated)]
        _refuse(path, shown[0], f"{shown[1]}, as its metadata says", _IMPORT_AGAIN)


def read_json(path: Path) -> Loaded:
    """The published layout: one JSON object, word -> list of neighbors. Raises SynonymError."""
    expected = "a JSON object that maps each word to a list of words"

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(mapping := dict(pairs)) < len(pairs):
            seen: set[str] = set()
            word = next(w for w, _ in pairs if w in seen or seen.add(w))  # type: ignore[func-returns-value]
            _refuse(path, f"the word {word!r} twice", "each word once", "Merge its neighbors into one list")
        return mapping

    try:
        mapping = json.loads(path.read_bytes(), object_pairs_hook=unique)
    except RecursionError:
        _refuse(path, "lists within lists without end", expected)
    except json.JSONDecodeError as error:
        _refuse(path, f"{error.msg} in line {error.lineno}", expected)
    except (OSError, UnicodeDecodeError) as error:
        _refuse(path, f"no readable JSON ({_first_line(error)})", expected)
    if not isinstance(mapping, dict):
        _refuse(path, f"a JSON {type(mapping).__name__}", expected)
    for word, neighbors in mapping.items():
        if not isinstance(neighbors, list) or not all(isinstance(n, str) for n in neighbors):
            _refuse(path, f"{str(neighbors)[:60]!r} as neighbors of {word!r}", expected)
    return _from_mapping(path, mapping)


def _read_groups(path: Path) -> Loaded:
    try:
        mapping = groups_to_mapping(path.read_text(encoding="utf-8-sig").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        _refuse(path, f"no readable text ({_first_line(error)})", "lines of interchangeable words in UTF-8")
    if marked := next((word for word in mapping if word.startswith("#")), None):
        _refuse(path, f"the word {marked!r}", "comments on lines of their own", "Put the comment on a line that begins with #")
    return _from_mapping(path, mapping)


def _from_mapping(path: Path, mapping: dict[str, list[str]]) -> Loaded:
    made = {"from": path.name, "from_sha256": sha256_file(path)}
    try:
        return Loaded(checked_table(table_from_mapping(mapping), str(path)), path.stem, made)
    except UnicodeEncodeError as error:
        _refuse(path, f"half of a surrogate pair in {error.object!r}", "words that UTF-8 can hold", "Repair that word")


def write_arrow(
    table: pa.Table, made: dict[str, Any], path: Path, vetoes: Sequence[Pair] = (), origins: Origins | bytes | None = None
) -> None:
    """Write the Arrow form beside `path`, then move it there, over a file of that name. Raises OutputError."""
    sha256 = table_sha256(table, vetoes)
    metadata = {"format": FORMAT, "sha256": sha256, "made": made, **table_statistics(table)}
    entries = {}
    if vetoes:
        metadata["vetoes"] = vetoes
    if origins is not None:
        entries[_ORIGINS_KEY] = packed = origins.packed() if isinstance(origins, Origins) else origins
        metadata["origins"] = origins_sha256(packed, sha256)
    table = table.replace_schema_metadata({_METADATA_KEY: canonical_json(metadata), **entries})

    def write(partial: Path) -> None:
        with pa.OSFile(str(partial), "wb") as stream, pa.ipc.new_stream(stream, table.schema) as writer:
            writer.write_table(table)

    _write_atomically(path, write)


def write_json(mapping: dict[str, list[str]], path: Path) -> None:
    """Write the published layout, word -> list of neighbors. Raises OutputError."""
    _write_atomically(path, lambda partial: partial.write_bytes(pretty_json(mapping)))


def _write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    partial = path.with_name(f".xlt-partial-{secrets.token_hex(4)}")
    try:
        write(partial)
        partial.replace(path)
    except OSError as error:
        raise OutputError(
            f"writing {path}",
            found=_first_line(error),
            expected="a folder with room that can be written to",
            remedy="Choose another file name, or make room",
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _refuse(path: Path, found: str, expected: str, remedy: str = "Give a synonym set; see docs/format.md") -> NoReturn:
    raise SynonymError(f"reading the synonym set {path}", found=found, expected=expected, remedy=remedy)
