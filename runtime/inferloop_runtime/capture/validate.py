"""Check rows against their declared columns, whole columns at a time."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from inferloop_runtime.capture.convert import ARROW_TYPES, convert
from inferloop_runtime.capture.settings import Column
from inferloop_runtime.errors import CaptureError

_SHOWN_CHARACTERS = 80


def check_patterns(columns: tuple[Column, ...]) -> None:
    """Raise CaptureError for a pattern that Arrow's regular expressions (RE2) do not know."""
    for column in columns:
        if column.pattern is not None:
            try:
                pc.match_substring_regex(pa.array([""]), _whole(column.pattern))
            except pa.ArrowInvalid as error:
                raise CaptureError(f"pattern of column {column.name!r} cannot be used: {error}") from None


def validate(columns: tuple[Column, ...], table: pa.Table) -> tuple[pa.Table, dict[int, list[str]]]:
    """Return the valid rows in their declared types, and for each invalid row of `table` every reason."""
    typed: list[pa.Array] = []
    reasons: dict[int, list[str]] = defaultdict(list)
    for column in columns:
        texts = table.column(column.name).combine_chunks()
        values = convert(column, texts)
        typed.append(values)
        for failed, reason in _failures(column, texts, values):
            for row in failed:
                shown = repr(str(texts[row].as_py())[:_SHOWN_CHARACTERS])
                reasons[row].append(f"{column.name}: {reason.format(value=shown)}")
    valid = pa.table(typed, schema=pa.schema([(column.name, ARROW_TYPES[column.type]) for column in columns]))
    if reasons:
        kept = np.ones(table.num_rows, np.bool_)
        kept[list(reasons)] = False
        valid = valid.filter(pa.array(kept))
    return valid, dict(reasons)


def _failures(column: Column, texts: pa.Array, values: pa.Array) -> Iterator[tuple[list[int], str]]:
    """Yield, for every rule that some rows break, these rows and the reason with a place for the value."""
    if texts.null_count and not column.nullable:
        yield _rows(pc.is_null(texts)), "has no value"
    if values.null_count > texts.null_count:
        kind = f"{column.type} in the format {column.format}" if column.format else column.type
        kind = kind.replace("{", "{{").replace("}", "}}")
        yield _rows(pc.and_(pc.is_null(values), pc.is_valid(texts))), f"{{value}} is not a {kind}"
    rules = []
    if column.minimum is not None:
        rules.append((pc.less(values, column.minimum), f"{{value}} is below {column.minimum:g}"))
    if column.maximum is not None:
        rules.append((pc.greater(values, column.maximum), f"{{value}} is above {column.maximum:g}"))
    if column.pattern is not None:
        rules.append(
            (pc.invert(pc.match_substring_regex(values, _whole(column.pattern))), "{value} breaks the pattern")
        )
    for broken, reason in rules:
        if pc.any(broken).as_py():
            yield _rows(broken), reason


def _rows(mask: pa.Array) -> list[int]:
    rows: list[int] = np.flatnonzero(pc.fill_null(mask, False).to_numpy(zero_copy_only=False)).tolist()
    return rows


def _whole(pattern: str) -> str:
    return rf"\A(?:{pattern})\z"
