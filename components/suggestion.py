"""Suggest what was probably meant by a name that is not known."""

import difflib
from collections.abc import Sequence


def nearest_of(given: object, known: Sequence[str]) -> str | None:
    """Return what was probably meant; None where nothing known is near."""
    return next(iter(difflib.get_close_matches(str(given), known, n=1)), None)


def did_you_mean(nearest: str | None) -> str:
    """Word a suggestion; nothing where there is none."""
    return f"; did you mean {nearest}?" if nearest else ""
