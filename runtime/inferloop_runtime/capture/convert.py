"""Turn text columns into their declared types, whole columns at a time; a value that does not fit becomes null."""

import datetime as dt

import pyarrow as pa
import pyarrow.compute as pc

from inferloop_runtime.capture.settings import Column
from inferloop_runtime.capture.uniques import over_uniques

ARROW_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "date32": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
}

# What Arrow's own casts accept beyond these (hexadecimal numbers, "nan", "inf") is no number in a data file.
_PLAUSIBLE = {
    "int64": r"^-?[0-9]{1,19}$",
    "float64": r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$",
    "bool": r"^([Tt]rue|TRUE|[Ff]alse|FALSE|0|1)$",
    "date32": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "timestamp": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}",
}
_UTC_OFFSET = r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"


def convert(column: Column, values: pa.Array) -> pa.Array:
    """Return `values` in the column's Arrow type (same length); what cannot be converted is null.

    Space around numbers, dates and truth values is ignored. Dates and timestamps are ISO 8601 unless the column has a
    strptime format, which must match wholly and name a day that exists.
    """
    target = ARROW_TYPES[column.type]
    if values.type == target:
        return pc.if_else(pc.is_finite(values), values, None) if column.type == "float64" else values
    if column.format is not None:
        layout = column.format
        return over_uniques(values, lambda texts: _with_format(texts, layout, target))
    try:
        converted = _cast(values, column.type)
    except pa.ArrowInvalid:
        trimmed = pc.utf8_trim_whitespace(values)
        plausible = pc.match_substring_regex(trimmed, _PLAUSIBLE[column.type])
        converted = _cast_each(pc.if_else(plausible, trimmed, None), column.type)
    if column.type == "int64" and pc.any(pc.match_substring(values, "x", ignore_case=True)).as_py():
        return pc.if_else(pc.match_substring(values, "x", ignore_case=True), None, converted)
    return pc.if_else(pc.is_finite(converted), converted, None) if column.type == "float64" else converted


def _cast(values: pa.Array, kind: str) -> pa.Array:
    if kind != "timestamp":
        return pc.cast(values, ARROW_TYPES[kind])
    has_offset = pc.match_substring_regex(values, r"[0-9]{2}:[0-9]{2}.*" + _UTC_OFFSET)
    as_utc = pc.cast(pc.if_else(has_offset, None, values), pa.timestamp("us"))
    return pc.coalesce(
        pc.cast(pc.if_else(has_offset, values, None), ARROW_TYPES[kind]), pc.assume_timezone(as_utc, "UTC")
    )


def _cast_each(values: pa.Array, kind: str) -> pa.Array:
    """Cast what can be cast: halve where the whole cannot, down to single values."""
    try:
        return _cast(values, kind)
    except pa.ArrowInvalid:
        if len(values) == 1:
            return pa.nulls(1, ARROW_TYPES[kind])
    middle = len(values) // 2
    return pa.concat_arrays([_cast_each(values[:middle], kind), _cast_each(values[middle:], kind)])


def _with_format(values: pa.Array, layout: str, target: pa.DataType) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(values)
    moments = pc.strptime(trimmed, format=layout, unit="us", error_is_null=True)
    # C's strptime takes February 30 for March 1: what does not print back as it was read is parsed again, strictly.
    printed = pc.strftime(moments, format=layout)
    doubtful = pc.and_(pc.is_valid(moments), pc.not_equal(_comparable(printed), _comparable(trimmed)))
    if pc.any(doubtful).as_py():
        texts = pc.unique(pc.filter(trimmed, doubtful))
        wrong = [text for text in texts.to_pylist() if not _is_date(text, layout)]
        moments = pc.if_else(pc.is_in(trimmed, pa.array(wrong, pa.string())), None, moments)
    if pa.types.is_date32(target):
        return pc.cast(pc.floor_temporal(moments, unit="day"), target)
    return moments if moments.type == target else pc.assume_timezone(pc.cast(moments, pa.timestamp("us")), "UTC")


def _comparable(texts: pa.Array) -> pa.Array:
    """Drop leading zeros, spaces and case, in which a parsed text may differ from a printed one."""
    spaceless = pc.replace_substring_regex(pc.utf8_lower(texts), r"\s+", " ")
    return pc.replace_substring_regex(spaceless, r"(^|[^0-9.])0+([0-9])", r"\1\2")


def _is_date(text: str, layout: str) -> bool:
    try:
        dt.datetime.strptime(text, layout)
    except ValueError:
        return False
    return True
