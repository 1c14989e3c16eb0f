"""Synonym substitution (Huang et al. 2021, section 3.3; both versions of the paper, chosen by `p`)."""

import functools
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xlt_augment.arrays import number_numpy
from xlt_augment.errors import UsageError
from xlt_augment.perturb import kernel
from xlt_augment.perturb.operator import Changes, Perturbed, all_found, check_choice, check_room, check_words
from xlt_augment.perturb.protect import Protect
from xlt_augment.perturb.rng import Stream, check_probability, threshold
from xlt_augment.synonyms.synonym_set import SynonymSet
from xlt_augment.words import kernel_words as lookup
from xlt_augment.words.kernel_bytes import WIDE, make_cells
from xlt_augment.words.split import find_words
from xlt_augment.words.texts import Texts
from xlt_augment.words.unicode import title_case, unicode_table, upper_case

CASE_MODES = {"exact": lookup.EXACT, "initial": lookup.INITIAL, "any": lookup.ANY}


class _Tables(NamedTuple):
    """A synonym set as the kernels see it: hash index over the words, neighbors in each style behind each other."""

    slots: np.ndarray
    keys: Texts
    forms: Texts
    cells: np.ndarray
    form_hashes: np.ndarray
    described: np.ndarray


class _Spots(NamedTuple):
    """The eligible words of n texts, those of text t being `first[t]:first[t + 1]`; `words` counts all words of a text.

    `ranges` int64 [spots, 2]: byte ranges; `positions` among the words of their text; `entries` of the synonym set;
    `styles`: how a replacement is written.
    """

    words: np.ndarray
    first: np.ndarray
    ranges: np.ndarray
    positions: np.ndarray
    entries: np.ndarray
    styles: np.ndarray

    def without(self, gone: np.ndarray) -> "_Spots":
        """Without the spots of the mask `gone` [spots]."""
        before = np.concatenate(([0], np.cumsum(gone)))
        rest = (part[~gone] for part in self[2:])
        return _Spots(self.words, self.first - before[self.first], *rest)


@dataclass(frozen=True)
class Substitute:
    """Replace eligible words by one of their neighbors.

    With `p` a number, each eligible word is replaced with that probability by a neighbor drawn uniformly; with
    `p="uniform"` it is redrawn uniformly from itself and its neighbors. Raises UsageError for settings out of range.
    """

    synonyms: SynonymSet
    _: KW_ONLY
    p: float | Literal["uniform"] = 0.1
    words: str = "span"
    case: str = "initial"
    protect: Protect | Sequence[str] = ()

    method: ClassVar[str] = "synonym"

    def __post_init__(self) -> None:
        if not isinstance(self.synonyms, SynonymSet):
            raise UsageError(
                "making Substitute",
                found=f"a {type(self.synonyms).__name__}",
                expected="a SynonymSet",
                remedy="Use for example SynonymSet.default()",
            )
        if self.p != "uniform":
            object.__setattr__(self, "p", check_probability(self.p))
        check_words(self.words)
        check_choice("case", self.case, tuple(CASE_MODES))
        object.__setattr__(self, "protect", Protect.parse(self.protect))

    def with_settings(
        self, *, p: float | Literal["uniform"], words: str, case: str, protect: Protect | Sequence[str] = ()
    ) -> "Substitute":
        """The same set with other settings, sharing what was prepared as far as it serves. Raises UsageError."""
        other = Substitute(self.synonyms, p=p, words=words, case=case, protect=protect)
        if case == self.case or self.case != "exact":  # tables without styles serve look-ups as written alone
            other.__dict__["_tables"] = self._tables
        return other

    def recipe(self) -> dict[str, Any]:
        """The settings as they stand in a dataset's recipe; the synonym set has its own entry in the manifest."""
        protect = Protect.parse(self.protect).to_json()
        return {"method": self.method, "p": self.p, "words": self.words, "case": self.case, "protect": protect}

    @functools.cached_property
    def _tables(self) -> _Tables:
        table = self.synonyms.table.combine_chunks()
        neighbors = table["neighbors"].chunk(0)
        counts = number_numpy(pc.list_value_length(neighbors))
        plain = neighbors.flatten()
        keys = _copied(table["word"].chunk(0))  # the set may be a mapped file, which somebody overwrites during a build
        styles = [plain] + ([title_case(plain), upper_case(plain)] if self.case != "exact" else [])
        nb_first = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
        forms = _copied(pa.concat_arrays(styles))
        return _Tables(
            slots=lookup.build_index(keys.data, keys.offsets, np.flatnonzero(counts)),
            keys=keys,
            forms=forms,
            cells=make_cells(*forms),
            form_hashes=kernel.hash_all(*forms),
            described=kernel.describe_entries(nb_first, forms.offsets, len(plain), len(styles)),
        )

    def _spots(self, texts: Texts) -> _Spots:
        """The eligible words."""
        tables, unicode = self._tables, unicode_table()
        words = find_words(texts, self.words)
        found = lookup.find_spots(
            texts.data, *words, unicode.classes, unicode.lower, CASE_MODES[self.case], tables.slots, *tables.keys
        )
        spots = _Spots(np.diff(words.first), *found)
        protect = Protect.parse(self.protect)
        if protect:
            starts, stops = spots.ranges.T.copy()
            spots = spots.without(protect.mask(texts.data, starts, stops))
        return spots

    def prepare(self) -> None:
        """See `Operator.prepare`."""
        _ = self._tables, unicode_table()

    def perturb(self, texts: Texts, stream: Stream, first: int, stop: int) -> Perturbed:
        """See `Operator.perturb`."""
        tables, n, spots = self._tables, len(texts.offsets) - 1, self._spots(texts)
        seed, column, first_id = stream.keys()
        choices, weights, gain = kernel.lay_out(*spots[2:], tables.described, column)
        room = check_room((int(texts.offsets[-1] - texts.offsets[0]) + int(gain)) * (stop - first))
        out, changed = np.empty(room + WIDE, np.uint8), np.zeros(n * (stop - first), np.int32)
        signature = np.zeros(n * (stop - first), np.uint64)
        offsets = kernel.substitute(
            *texts, spots.first, spots.ranges, spots.positions, choices, weights,
            *tables.forms, tables.cells, tables.form_hashes,
            threshold(1.0 if self.p == "uniform" else self.p), np.int64(self.p == "uniform"),
            seed, column, first_id, first, stop, out, changed, signature,
        )  # fmt: skip
        return Perturbed(Texts(out[: offsets[-1]], offsets), changed, signature, spots.words, np.diff(spots.first))

    def changes(self, texts: Texts, stream: Stream, first: int, stop: int) -> Changes:
        """See `Operator.changes`."""
        tables, spots = self._tables, self._spots(texts)
        seed, column, first_id = stream.keys()
        choices = kernel.lay_out(*spots[2:], tables.described, column)[0]
        found = all_found(
            kernel.substitutions, texts.data, spots.first, spots.ranges, spots.positions, choices, *tables.forms,
            threshold(1.0 if self.p == "uniform" else self.p), np.int64(self.p == "uniform"),
            seed, column, first_id, first, stop,
        )  # fmt: skip
        rows, places, forms = found.T
        data, offsets = tables.forms
        return Changes(rows, spots.ranges[places], Texts(*lookup.gather(data, offsets[forms], offsets[forms + 1])))


def _copied(words: pa.StringArray) -> Texts:
    data, offsets = Texts.from_arrow(words)
    return Texts(data.copy(), offsets)
