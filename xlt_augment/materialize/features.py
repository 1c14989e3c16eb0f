"""Arrow types in the words of `datasets`: what `dataset_info.json` says of each column."""

from typing import Any

import pyarrow as pa
import pyarrow.types as pt

_NAMES = {
    "date32[day]": "date32",
    "date64[ms]": "date64",
    "halffloat": "float16",
    "float": "float32",
    "double": "float64",
    "string_view": "string",
    "binary_view": "binary",
}
_BY_TYPE = (None, "Value", "ClassLabel", "List", "LargeList", "Sequence")  # else special: an image, a translation ...


def feature_of(kind: pa.DataType) -> Any:
    """The feature of one Arrow type. Raises TypeError for a type that `datasets` has no word for."""
    if pt.is_dictionary(kind):
        return feature_of(kind.value_type)
    if pt.is_struct(kind):
        return {field.name: feature_of(field.type) for field in kind}
    if pt.is_large_list(kind):
        return {"feature": feature_of(kind.value_type), "_type": "LargeList"}
    if pt.is_fixed_size_list(kind):
        return {"feature": feature_of(kind.value_type), "length": kind.list_size, "_type": "List"}
    if pt.is_list(kind):
        return {"feature": feature_of(kind.value_type), "_type": "List"}
    if pt.is_nested(kind) or isinstance(kind, pa.BaseExtensionType):
        raise TypeError(str(kind))
    return {"dtype": _value_name(kind), "_type": "Value"}


def class_label(names: tuple[str, ...]) -> dict[str, Any]:
    """The feature of a label column with these class names."""
    return {"names": list(names), "_type": "ClassLabel"}


def _value_name(kind: pa.DataType) -> str:
    if pt.is_timestamp(kind) and kind.tz:
        return f"timestamp[{kind.unit}, tz={kind.tz}]"
    if pt.is_decimal(kind):
        return f"decimal{kind.bit_width}({kind.precision}, {kind.scale})"
    return _NAMES.get(str(kind), str(kind))


def stored_feature(feature: Any, kind: pa.DataType) -> Any:
    """The feature that a source gives of a column, if it fits the column's type; else the one of the type."""
    if not isinstance(feature, dict):
        return feature_of(kind)
    given = feature.get("_type")
    if given == "ClassLabel" and feature.get("names") and kind == pa.int64():
        return feature
    if given in ("List", "LargeList", "Sequence") and (
        pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind)
    ):
        return feature_of(kind) | {"feature": stored_feature(feature.get("feature"), kind.value_type)}
    if given is None and pt.is_struct(kind):
        return {field.name: stored_feature(feature.get(field.name), field.type) for field in kind}
    return feature_of(kind) if given in _BY_TYPE else feature


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type that a column is stored in: dictionaries by value, view strings as plain ones, at any depth."""
    if pt.is_list(kind):
        return pa.list_(plain_type(kind.value_type))
    if pt.is_large_list(kind):
        return pa.large_list(plain_type(kind.value_type))
    if pt.is_struct(kind):
        return pa.struct([pa.field(field.name, plain_type(field.type)) for field in kind])
    if pt.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pt.is_string_view(kind):
        return pa.string()
    if pt.is_binary_view(kind):
        return pa.binary()
    return kind
