"""Apply an expensive function to a column's distinct values only."""

from collections.abc import Callable

import pyarrow as pa


def over_uniques(values: pa.Array, function: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Return `function(values)` for a function of single values; nulls stay null."""
    encoded = values.dictionary_encode()
    return function(encoded.dictionary).take(encoded.indices)
