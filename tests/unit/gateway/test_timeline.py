"""The ring buffer behind the console's plots."""

from inferloop_runtime.gateway.timeline import BIN_S, BINS, Timeline, quantile


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_rates_are_those_of_the_bins_that_are_over() -> None:
    clock = Clock()
    timeline = Timeline(clock)
    for failed in (False, False, True):
        timeline.add_request(failed=failed)
    timeline.add_tokens(50)
    timeline.add_first_token(0.25)
    clock.now += BIN_S
    series = timeline.series()
    assert series["requests_per_s"][-1] == 0.6
    assert series["errors_per_s"][-1] == 0.2
    assert series["tokens_per_s"][-1] == 10
    assert series["first_token_p50_ms"][-1] == 250
    assert series["first_token_p50_ms"][-2] is None
    assert len(series["tokens_per_s"]) == BINS - 1


def test_what_is_older_than_the_ring_is_forgotten() -> None:
    clock = Clock()
    timeline = Timeline(clock)
    timeline.add_request(failed=False)
    clock.now += BIN_S * BINS
    assert sum(timeline.series()["requests_per_s"]) == 0
    timeline.add_request(failed=False)
    clock.now += BIN_S
    assert timeline.series()["requests_per_s"][-1] == 0.2


def test_now_is_the_rate_of_the_last_seconds() -> None:
    clock = Clock()
    timeline = Timeline(clock)
    for _ in range(10):
        timeline.add_request(failed=False)
    clock.now += BIN_S
    assert 1.9 < (timeline.now()["requests_per_s"] or 0) <= 2
    clock.now += 3 * BIN_S
    assert timeline.now()["requests_per_s"] == 0


def test_corrected_tokens_never_show_as_a_negative_rate() -> None:
    clock = Clock()
    timeline = Timeline(clock)
    timeline.add_tokens(-5)
    assert timeline.now()["tokens_per_s"] == 0


def test_quantiles_are_of_the_nearest_rank() -> None:
    assert quantile([], 0.5) is None
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([float(number) for number in range(1, 101)], 0.95) == 95.0
