"""Variants of texts as answers: prepared operators, what a request may ask for, JSON with spans or Arrow."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from xlt_augment.arrays import number_array
from xlt_augment.perturb.augment import Augmented, augmented_parts
from xlt_augment.perturb.explain import Change, ExplainedVariant, explained_texts
from xlt_augment.perturb.operator import Operator
from xlt_augment.perturb.protect import Protect
from xlt_augment.perturb.substitute import Substitute
from xlt_augment.perturb.swap import Swap
from xlt_augment.service.answers import written
from xlt_augment.service.failures import Refused
from xlt_augment.service.schemas import AugmentRequest, Span
from xlt_augment.service.settings import Limits
from xlt_augment.synonyms.synonym_set import SynonymSet

_PREPARED = 4  # sets whose tables are kept; those of the published set take 30 MB
_GROWN = 8  # bytes of all variants for each character of the work that a request may ask for
_SCHEMA = pa.schema([("source_id", pa.int64()), ("variant", pa.int16()), ("text", pa.string()), ("changed", pa.int32())])
_SPAN = tuple(Span.model_fields)
assert Change._fields == _SPAN


class Operators:
    """Operators by the identity of their set, the last few prepared. All methods may be called from several threads."""

    def __init__(self) -> None:
        self._lock, self._prepared = threading.Lock(), OrderedDict[str, Substitute]()

    def make(self, asked: AugmentRequest, synonyms: SynonymSet | None) -> Operator:
        """The operator that a request asks for; `synonyms` None for a swap. Raises Refused (422)."""
        protect = Protect(words=tuple(map(_checked_word, asked.protect)))
        if synonyms is not None:
            return self._of(synonyms).with_settings(p=asked.p, words=asked.words, case=asked.case, protect=protect)
        if asked.p == "uniform":
            raise Refused(
                422, doing="reading p", found="uniform for a swap", expected="a number from 0 to 1",
                remedy="Ask for another p, or for the method synonym",
            )  # fmt: skip
        return Swap(p=asked.p, words=asked.words, protect=protect)

    def _of(self, synonyms: SynonymSet) -> Substitute:
        with self._lock:  # also while one is prepared, which takes less time than doing it twice
            operator = self._prepared.pop(synonyms.sha256, None)
            if operator is None:
                operator = Substitute(synonyms, p=0, case="any")
                operator.prepare()
            self._prepared[synonyms.sha256] = operator
            if len(self._prepared) > _PREPARED:
                self._prepared.popitem(last=False)
        return operator


def _checked_word(word: str) -> str:
    if word.startswith("re:") or word.split() != [word] or "\0" in word:
        raise Refused(
            422, doing="reading protect", found=repr(word[:64]), expected="one word each, no pattern",
            remedy="Give each word by itself; patterns are for the command line alone",
        )  # fmt: skip
    return word


def check_work(asked: AugmentRequest, limits: Limits) -> None:
    """Raises Refused (422) for more than a service makes at once."""
    caps = ((len(asked.texts), limits.texts, "texts"), (asked.m, limits.variants, "variants of a text"),
            (max(map(len, asked.texts)), limits.text, "characters of a text"),
            (sum(map(len, asked.texts)) * asked.m, limits.work, "characters of all variants"))  # fmt: skip
    for found, most, what in caps:
        if found > most:
            raise _too_much(f"{found:,} {what}", f"at most {most:,}")


@dataclass(frozen=True)
class Variants:
    """All variants that a request asks for, before they are written."""

    asked: AugmentRequest
    operator: Operator
    parts: tuple[Augmented, ...]

    @classmethod
    def of(cls, asked: AugmentRequest, operator: Operator, limits: Limits) -> "Variants":
        """Make them. Raises Refused (422) where they grew to more than a service sends."""
        parts, n_bytes = [], 0
        for part in augmented_parts(asked.texts, operator, asked.m, asked.seed, asked.column, asked.first_id):
            parts.append(part)
            n_bytes += int(part.perturbed.texts.offsets[-1])
            if n_bytes > _GROWN * limits.work:
                raise _too_much(f"variants of {n_bytes:,} bytes", f"at most {_GROWN * limits.work:,}")
        return cls(asked, operator, tuple(parts))

    def to_arrow(self) -> pa.Table:
        """Columns `source_id`, `variant`, `text`, `changed`; rows ordered by (source_id, variant), variants from 1."""
        batches = []
        for part in self.parts:
            count = part.stop - part.first
            sources = part.stream.first_id + np.repeat(np.arange(len(part.perturbed.words), dtype=np.int64), count)
            numbers = np.tile(np.arange(part.first, part.stop, dtype=np.int16), len(part.perturbed.words))
            texts, changed = part.perturbed.texts.to_arrow(), number_array(part.perturbed.changed)
            columns = [number_array(sources), number_array(numbers), texts, changed]
            batches.append(pa.RecordBatch.from_arrays(columns, schema=_SCHEMA))
        return pa.Table.from_batches(batches, _SCHEMA)

    def to_json(self, limits: Limits) -> Iterator[str]:
        """`schemas.Augmented` of each text, as JSON, text by text.

        Raises Refused (422), before the first, for more variants and spans than a client can want to read.
        """
        pieces = sum(part.perturbed.changed.size + int(part.perturbed.changed.sum()) for part in self.parts)
        if pieces > limits.pieces:
            remedy = "Ask for fewer at a time, or for Arrow, which holds no spans: Accept: application/vnd.apache.arrow.stream"
            raise _too_much(f"{pieces:,} variants and spans", f"at most {limits.pieces:,} in JSON", remedy)
        return self._to_json()

    def _to_json(self) -> Iterator[str]:
        texts, source_id = iter(self.asked.texts), self.asked.first_id
        begun: list[str] = []
        for part in self.parts:
            for found in explained_texts(self.operator, part):
                begun += [_variant(k, variant) for k, variant in enumerate(found.variants, part.first)]
                if part.stop <= self.asked.m:
                    continue  # the rest of this text's variants is in another part
                facts = {"text": next(texts), "source_id": source_id, "words": found.words, "eligible": found.eligible}
                yield f'{written(facts)[:-1]},"variants":[{",".join(begun)}]}}'
                begun, source_id = [], source_id + 1


def _variant(number: int, variant: ExplainedVariant) -> str:
    spans = [dict(zip(_SPAN, change)) for change in variant.changes]
    return written({"variant": number, "text": variant.text, "changed": variant.changed, "spans": spans})


def _too_much(found: str, expected: str, remedy: str = "Ask for fewer or shorter texts, or for fewer variants") -> Refused:
    return Refused(422, doing="making variants", found=found, expected=expected, remedy=remedy)
