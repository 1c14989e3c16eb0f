"""Which columns of a source are text, which is the label and which are carried through."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from xlt_augment.content_hash import is_text, type_name
from xlt_augment.errors import SourceError, UsageError
from xlt_augment.materialize.dataset import OURS
from xlt_augment.materialize.features import feature_of, plain_type
from xlt_augment.materialize.sources import Chunk
from xlt_augment.materialize.sources.base import check_names

OUR_COLUMNS = tuple(name for name, _ in OURS)
_USUAL_TEXTS = (("sentence1", "sentence2"), ("premise", "hypothesis"), ("question1", "question2"), ("question", "sentence"),
                ("text",), ("sentence",))  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Columns:
    """`text` columns, the source's name of the `label` column or None, and the stored `fields`: text, label, others."""

    text: tuple[str, ...]
    label: str | None
    fields: tuple[pa.Field, ...]

    def arrange(self, batch: pa.RecordBatch, labels: pa.Array | None) -> pa.RecordBatch:
        """The batch with the columns of `fields`; `labels` [rows] stands in the place of the label column."""
        arrays = [labels if f.name == "label" and self.label is not None else batch[f.name].cast(f.type) for f in self.fields]
        return pa.RecordBatch.from_arrays(arrays, names=[f.name for f in self.fields])

    def check_texts(self, chunk: Chunk) -> None:
        """Raises SourceError, naming the row, for a missing text."""
        for name in self.text:
            column = chunk.batch[name]
            if column.null_count:
                where = chunk.locate(pc.index(column.is_null(), True).as_py())
                raise SourceError(
                    f"reading {where}",
                    found=f"no value in the text column {name!r}",
                    expected="a text, which may be empty",
                    remedy="Repair or remove that row",
                )


def choose_columns(source: str, chunk: Chunk, text_columns: Sequence[str] | None, label_column: str | None) -> Columns:
    """Columns by the caller's names, else the usual ones of the field. Raises UsageError for names that the source lacks,
    SourceError for columns that cannot be carried through."""
    schema = chunk.batch.schema
    check_names(tuple(schema.names), source, SourceError)
    text = _text(source, schema, text_columns)
    label = _label(source, schema, text, label_column)
    others = [f for f in schema if f.name not in text and f.name != label]
    for name in (*text, *(f.name for f in others)):
        if name in OUR_COLUMNS or (label and name == "label"):
            raise SourceError(
                f"reading {source}",
                found=f"a column {name!r} that is to be carried through",
                expected=f"no such column named like one of ours ({', '.join(('label', *OUR_COLUMNS))})",
                remedy="Rename or drop that column",
            )
    for field in others:
        try:
            type_name(field.type), feature_of(field.type)
        except TypeError as error:
            raise SourceError(
                f"reading {source}",
                found=f"the type {error} in column {field.name!r}",
                expected="a type that datasets can hold",
                remedy="Convert or drop that column",
            ) from error
    fields = [pa.field(name, pa.string()) for name in text]
    fields += [pa.field("label", pa.int64())] if label else []
    fields += [pa.field(f.name, plain_type(f.type)) for f in others]
    return Columns(text=text, label=label, fields=tuple(fields))


def _text(source: str, schema: pa.Schema, wanted: Sequence[str] | None) -> tuple[str, ...]:
    if not wanted:
        wanted = next((names for names in _USUAL_TEXTS if set(names) <= set(schema.names)), None)
        if wanted is None:
            raise UsageError(
                f"choosing the text columns of {source}",
                found=f"the columns {', '.join(schema.names)}",
                expected="usual names such as sentence1 and sentence2, premise and hypothesis, or text",
                remedy="Name them with --text-columns",
            )
    for name in wanted:
        _require(source, schema, name, "--text-columns")
        kind = plain_type(schema.field(name).type)
        if not is_text(kind):
            raise UsageError(
                f"reading {source}", found=f"the type {kind} in column {name!r}", expected="text", remedy="Name another column"
            )
    if len(set(wanted)) < len(wanted):
        raise UsageError("reading --text-columns", found="a name twice", expected="each column once", remedy="Drop one")
    return tuple(wanted)


def _label(source: str, schema: pa.Schema, text: tuple[str, ...], wanted: str | None) -> str | None:
    if wanted is None:
        return "label" if "label" in schema.names and "label" not in text else None
    if wanted in text:
        raise UsageError("reading --label-column", found=f"the text column {wanted!r}", expected="another", remedy="Drop one")
    if wanted:
        _require(source, schema, wanted, "--label-column")
    return wanted or None


def _require(source: str, schema: pa.Schema, name: str, option: str) -> None:
    if name not in schema.names:
        raise UsageError(
            f"reading {option} of {source}",
            found=f"no column {name!r}",
            expected=f"one of {', '.join(schema.names)}",
            remedy="Check the name; a file without header is named by --columns",
        )
