"""Two sets beside each other: all that differs, computed once for two tags, or one word at once."""

import threading
from bisect import bisect_right
from collections import OrderedDict
from typing import Any

from xlt_augment.service.shelf import Shelved
from xlt_augment.synonyms.diff import Change, SetDiff, diff
from xlt_augment.synonyms.synonym_set import Neighbor, SynonymSet

_KEPT = 2  # comparisons; one of two large sets without a common word holds all their rows as Python objects


class Comparisons:
    """The last comparisons of whole sets."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[SetDiff, list[str]]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, a: Shelved, b: Shelved) -> tuple[SetDiff, list[str]]:
        """What differs, and the words that do, in sorted order. One is computed at a time."""
        key = (a.tag, b.tag)
        with self._lock:
            if key not in self._kept:
                found = diff(a.synonyms, b.synonyms)
                self._kept[key] = found, sorted({*found.only_in_a, *found.only_in_b, *found.changed})
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return self._kept[key]

    def page(self, a: Shelved, b: Shelved, after: str | None, limit: int) -> tuple[SetDiff, list[dict[str, Any]], bool]:
        """All, the changes of at most `limit` words behind `after`, and whether there are more."""
        found, words = self.of(a, b)
        start = 0 if after is None else bisect_right(words, after)
        shown = words[start : start + limit]
        return found, [_entry(word, *_rows(found, word)) for word in shown], start + limit < len(words)


def word_change(a: SynonymSet, b: SynonymSet, word: str) -> dict[str, Any]:
    """`schemas.WordChange` of one word."""
    return _entry(word, _row(a, word), _row(b, word))


def _row(synonyms: SynonymSet, word: str) -> list[Neighbor] | None:
    return synonyms.neighbors(word) if word in synonyms else None


def _rows(found: SetDiff, word: str) -> tuple[list[Neighbor] | None, list[Neighbor] | None]:
    if word in found.changed:
        return found.changed[word].before, found.changed[word].after
    return found.only_in_a.get(word), found.only_in_b.get(word)


def _entry(word: str, a: list[Neighbor] | None, b: list[Neighbor] | None) -> dict[str, Any]:
    change = Change(a or [], b or [])
    if a is None or b is None:
        status = "in_neither" if a is b else "only_in_b" if a is None else "only_in_a"
    else:
        status = "same" if a == b else "changed"
    return {
        "word": word,
        "status": status,
        "a": [_neighbor(n) for n in a or []],
        "b": [_neighbor(n) for n in b or []],
        "added": [n.word for n in change.added],
        "removed": [n.word for n in change.removed],
        "reordered": change.reordered,
        "distances": {n: list(pair) for n, pair in change.distances.items()},
    }


def _neighbor(neighbor: Neighbor) -> dict[str, Any]:
    return neighbor._asdict()
