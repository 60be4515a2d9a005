"""The model server's Prometheus metrics: TGI's names where TGI has them, `inferloop_` otherwise.

TGI's list: https://github.com/huggingface/text-generation-inference/blob/main/docs/source/reference/metrics.md
"""

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from inferloop_runtime.serving.engine import Engine
from inferloop_runtime.serving.settings import ServeSettings

# TGI's router: 35 buckets, each half as long again as the one before, from 0.15 ms to about 145 s.
_DURATION_BUCKETS = tuple(0.0001 * 1.5**step for step in range(1, 36))

_FAILURES = ("validation", "overloaded", "generation", "incomplete", "timeout")


def _token_buckets(limit: int) -> tuple[float, ...]:
    return tuple(limit * step / 20 for step in range(1, 21))


class _EngineGauges(Collector):
    """Read the engine's state at each scrape."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> list[Metric]:
        return [
            GaugeMetricFamily("tgi_queue_size", "Requests that wait for a place in the batch", self._engine.queue_size),
            GaugeMetricFamily("tgi_batch_current_size", "Requests that are generated now", self._engine.batch_size),
            GaugeMetricFamily("inferloop_engine_healthy", "1 where all shards answer", float(self._engine.healthy)),
        ]


class _Counter:
    """A counter under its exact name: the client library would add `_total`, which TGI's dashboards do not expect."""

    def __init__(self, name: str, documentation: str, label: str = "", values: tuple[str, ...] = ()) -> None:
        self._name = name
        self._documentation = documentation
        self._label = label
        self._counts: dict[str, float] = dict.fromkeys(values or ("",), 0.0)

    def add(self, amount: float = 1, value: str = "") -> None:
        self._counts[value] += amount

    def expose(self) -> str:
        lines = [f"# HELP {self._name} {self._documentation}", f"# TYPE {self._name} counter"]
        for value, count in self._counts.items():
            labels = f'{{{self._label}="{value}"}}' if self._label else ""
            lines.append(f"{self._name}{labels} {count:.17g}")
        return "\n".join(lines) + "\n"


class ServeMetrics:
    """Count and time generations. Durations are in seconds, lengths in tokens."""

    def __init__(self, engine: Engine, settings: ServeSettings) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_EngineGauges(engine))
        self._counters: list[_Counter] = []
        self.requests = self._counter("tgi_request_count", "Generation requests received")
        self.successes = self._counter("tgi_request_success", "Generation requests that ended well")
        self.failures = self._counter("tgi_request_failure", "Generation requests that failed", "err", _FAILURES)
        self.cancellations = self._counter("inferloop_request_cancelled_total", "Requests whose client left")
        self.prompt_tokens = self._counter("inferloop_prompt_tokens_total", "Prompt tokens accepted")
        self.generated_tokens = self._counter("inferloop_generated_tokens_total", "Tokens generated")
        total = settings.max_total_tokens
        self.duration = self._histogram("tgi_request_duration", "Whole time of a request")
        self.validation_duration = self._histogram("tgi_request_validation_duration", "Time to check and tokenise")
        self.inference_duration = self._histogram(
            "tgi_request_inference_duration", "Time in the engine, queue included"
        )
        self.mean_time_per_token = self._histogram("tgi_request_mean_time_per_token_duration", "Mean time of a token")
        self.time_to_first_token = self._histogram(
            "inferloop_request_time_to_first_token_duration", "Time from a request's arrival to its first token"
        )
        self.input_length = self._histogram(
            "tgi_request_input_length", "Prompt tokens of a request", _token_buckets(settings.max_input_tokens)
        )
        self.max_new_tokens = self._histogram(
            "tgi_request_max_new_tokens", "Most tokens a request may generate", _token_buckets(total)
        )
        self.generated_length = self._histogram(
            "tgi_request_generated_tokens", "Tokens generated for a request", _token_buckets(total)
        )

    def _counter(self, name: str, documentation: str, label: str = "", values: tuple[str, ...] = ()) -> _Counter:
        counter = _Counter(name, documentation, label, values)
        self._counters.append(counter)
        return counter

    def _histogram(self, name: str, documentation: str, buckets: tuple[float, ...] = _DURATION_BUCKETS) -> Histogram:
        return Histogram(name, documentation, buckets=buckets, registry=self._registry)

    def expose(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return "".join(counter.expose() for counter in self._counters).encode() + generate_latest(self._registry)
