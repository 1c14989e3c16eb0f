"""The command line that gives the variants of a request: one line for bash, to be run in a folder of its own."""

import json
import shlex
from collections.abc import Sequence

from xlt_augment.materialize.columns import OUR_COLUMNS
from xlt_augment.service.schemas import AugmentRequest
from xlt_augment.synonyms.files import DEFAULT
from xlt_augment.synonyms.vetoes import Pair

_TEXTS, _VETOES, _VETOED = "texts.jsonl", "vetoes.txt", "vetoed.arrow"
_INLINE = 16 << 10  # characters of texts, or of pairs, that one still copies; more are a file
_PADDED = 100_000  # rows without text that may stand before the texts, so that these have their numbers
_STARTS = {name: AugmentRequest.model_fields[name].default for name in ("method", "m", "p", "seed", "words", "case")}


def command(asked: AugmentRequest, set: str | None, source: str | None, struck: Sequence[Pair] = ()) -> str:
    """One line for bash that makes the variants of a request by `xlt-augment build`; a comment where that cannot.

    `set` and `source`: name of the synonym set, and what the service opened it from; None for a swap. `struck`: pairs that are
    left out of it. More texts or pairs than one copies are left to files, which a comment at the end names.
    """
    if reason := _impossible(asked, struck):
        return f"# {reason}; in Python, xlt_augment.augment takes it: {_call(asked)}"
    notes: list[str] = []
    steps = _texts(asked, notes)
    synonyms = None if source in (None, "default", DEFAULT) else _source(str(source), notes)
    if source is not None and struck:
        steps += _veto(str(set), synonyms or "default", struck, notes)
        synonyms = _VETOED
    options = [f"--{name} {value}" for name, start in _STARTS.items() if (value := getattr(asked, name)) != start]
    if source is None:
        options = [option for option in options if not option.startswith("--case ")]
    options += [f"--text-columns={quoted(asked.column)}"] if asked.column != "text" else []
    options += [f"--synonyms {synonyms}"] if synonyms else []
    options += [f"--protect={quoted(word)}" for word in dict.fromkeys(asked.protect)]
    steps.append(" ".join(["xlt-augment build", _TEXTS, *options]))
    return " && ".join(steps) + (f"  # {'; '.join(notes)}" if notes else "")


def quoted(text: str) -> str:
    """A word for bash, without NUL: as it is where it can be read, else in quotes, with escapes for what nobody sees."""
    if text.isprintable():
        return shlex.quote(text)
    signs = (chr(byte) if 32 <= byte < 127 and chr(byte) not in "'\\" else f"\\x{byte:02x}" for byte in text.encode())
    return f"$'{''.join(signs)}'"


def _impossible(asked: AugmentRequest, struck: Sequence[Pair]) -> str | None:
    """Why `xlt-augment build` cannot give these variants, None where it can."""
    column = asked.column
    if asked.first_id > _PADDED:
        return f"xlt-augment build counts rows from 0 and cannot begin at {asked.first_id}"
    if column in OUR_COLUMNS or column != column.strip() or set(column) & set(",\0"):
        return f"xlt-augment build takes no text column called {ascii(column)}"
    if odd := next((pair for pair in struck if not (_is_option(pair) or _is_line(pair))), None):
        return f"xlt-augment synonyms veto takes no pair {ascii(odd)}"
    return None


def _call(asked: AugmentRequest) -> str:
    operator = f"Swap(p={asked.p!r}, ...)" if asked.method == "swap" else f"Substitute(synonyms, p={asked.p!r}, ...)"
    return f"augment(texts, {operator}, m={asked.m}, seed={asked.seed}, column={asked.column!a}, first_id={asked.first_id})"


def _texts(asked: AugmentRequest, notes: list[str]) -> list[str]:
    """What writes the texts into a file."""
    lines = [_line(asked.column, text) for text in asked.texts]
    padding = f"{asked.first_id} times {_line(asked.column, '')}, then " if asked.first_id else ""
    if sum(map(len, lines)) > _INLINE:
        notes.append(f"{_TEXTS}: write it first, {padding}one line {_line(asked.column, '...')} for each text")
        return []
    written = f"printf '%s\\n' {' '.join(map(_single, lines))}"
    if padding:
        blank = _single(_line(asked.column, ""))
        written = f"{{ head -n {asked.first_id} < <(yes {blank}); {written}; }}"
        notes.append(f"the first {asked.first_id} rows stand for those before the texts")
    return [f"{written} > {_TEXTS}"]


def _line(column: str, text: str) -> str:
    """A row of JSON Lines in printable ASCII without a single quote."""
    return json.dumps({column: text}).replace("'", "\\u0027").replace("\x7f", "\\u007f")


def _single(line: str) -> str:
    return f"'{line}'"


def _source(source: str, notes: list[str]) -> str:
    """A synonym set as a word of a command: a file that has to be there, or what the store holds."""
    if "/" in source:
        notes.append("XLT_STORE names the store")
        return f'"$(xlt-augment store pull {quoted(source)})"'
    notes.append(f"{quoted(source)} is the file that the service was given")
    return quoted(f"./{source}" if source.startswith("-") else source)


def _is_option(pair: Pair) -> bool:
    """Whether --pair takes it."""
    return all(word == word.strip() and "," not in word for word in pair)


def _is_line(pair: Pair) -> bool:
    """Whether a line of a file of pairs can hold it, in one order or the other."""
    return all(word == word.strip(" \t\r") for word in pair) and not all(word.startswith("#") for word in pair)


def _veto(set: str, synonyms: str, struck: Sequence[Pair], notes: list[str]) -> list[str]:
    """What writes the set without the struck pairs."""
    start = f"xlt-augment synonyms veto {synonyms} {_VETOED} --overwrite"
    options = [f"--pair={quoted(','.join(pair))}" for pair in struck if _is_option(pair)]
    lines = ["\t".join(sorted(pair, key=lambda word: word.startswith("#"))) for pair in struck if not _is_option(pair)]
    if sum(map(len, options + lines)) > _INLINE:
        notes.append(f"{_VETOES}: the answer to GET /v1/sets/{set}/vetoes.txt")
        return [f"{start} --pairs {_VETOES}"]
    if not lines:
        return [" ".join([start, *options])]
    return [f"printf '%s\\n' {' '.join(map(quoted, lines))} > {_VETOES}", " ".join([start, f"--pairs {_VETOES}", *options])]
