"""The gateway's last quarter of an hour, for the console."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

BIN_S = 5
BINS = 180

# Enough for stable quantiles; a busier bin keeps its first ones.
_MAX_SAMPLES = 200
# "Now" on the console: long enough to be steady, short enough to be live.
_NOW_BINS = 2
_QUANTILE_BINS = 12


@dataclass(slots=True)
class _Bin:
    number: int
    requests: int = 0
    errors: int = 0
    tokens: int = 0
    first_token_s: list[float] = field(default_factory=list)


def quantile(values: list[float], share: float) -> float | None:
    """Return the value that `share` of `values` do not exceed (nearest rank), or None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


class Timeline:
    """Count requests, errors, tokens and times to first token in bins of five seconds.

    Nothing runs between requests: a bin begins with the first thing that happens in it.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._bins: list[_Bin | None] = [None] * BINS

    def _current(self) -> _Bin:
        number = int(self._clock() // BIN_S)
        current = self._bins[number % BINS]
        if current is None or current.number != number:
            current = self._bins[number % BINS] = _Bin(number)
        return current

    def add_request(self, *, failed: bool) -> None:
        """Count one answered request; `failed` where the fault was not the client's."""
        current = self._current()
        current.requests += 1
        if failed:
            current.errors += 1

    def add_tokens(self, count: int) -> None:
        """Count generated tokens; a negative count corrects an earlier one."""
        self._current().tokens += count

    def add_first_token(self, seconds: float) -> None:
        """Note how long a stream's first token took."""
        samples = self._current().first_token_s
        if len(samples) < _MAX_SAMPLES:
            samples.append(seconds)

    def _last(self, count: int, *, complete: bool = False) -> list[_Bin]:
        newest = int(self._clock() // BIN_S) - complete
        wanted = range(newest - count + 1, newest + 1)
        return [
            found if (found := self._bins[number % BINS]) is not None and found.number == number else _Bin(number)
            for number in wanted
        ]

    def series(self) -> dict[str, Any]:
        """Return the plots' data: one value a bin that is over, oldest first; rates a second, times in ms or null."""
        bins = self._last(BINS - 1, complete=True)
        return {
            "start": bins[0].number * BIN_S,
            "step_s": BIN_S,
            "requests_per_s": [round(item.requests / BIN_S, 3) for item in bins],
            "errors_per_s": [round(item.errors / BIN_S, 3) for item in bins],
            "tokens_per_s": [round(max(0, item.tokens) / BIN_S, 3) for item in bins],
            "first_token_p50_ms": [_ms(quantile(item.first_token_s, 0.5)) for item in bins],
            "first_token_p95_ms": [_ms(quantile(item.first_token_s, 0.95)) for item in bins],
        }

    def now(self) -> dict[str, float | None]:
        """Return rates over the last ten seconds, and times to first token over the last minute."""
        recent = self._last(_NOW_BINS)
        # The newest bin has only begun.
        seconds = (_NOW_BINS - 1) * BIN_S + max(self._clock() % BIN_S, 0.001)
        samples = [value for item in self._last(_QUANTILE_BINS) for value in item.first_token_s]
        return {
            "requests_per_s": round(sum(item.requests for item in recent) / seconds, 3),
            "errors_per_s": round(sum(item.errors for item in recent) / seconds, 3),
            "tokens_per_s": round(max(0, sum(item.tokens for item in recent)) / seconds, 3),
            "first_token_p50_ms": _ms(quantile(samples, 0.5)),
            "first_token_p95_ms": _ms(quantile(samples, 0.95)),
        }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)
