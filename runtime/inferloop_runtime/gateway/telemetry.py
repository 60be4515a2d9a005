"""The gateway's own Prometheus metrics; no label holds a tenant, a key or anything that a client chose."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

_LATENCY_BUCKETS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_FIRST_TOKEN_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8)


class Telemetry:
    """Count what the gateway does. The children of labelled metrics are kept, because finding them costs most."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = self._counter("requests", "Answered requests", ("endpoint", "status"))
        self._duration = Histogram(
            "inferloop_gateway_request_duration_seconds",
            "From a request's head to the end of its answer",
            ("endpoint",),
            buckets=_LATENCY_BUCKETS,
            registry=self.registry,
        )
        self._first_token = Histogram(
            "inferloop_gateway_time_to_first_token_seconds",
            "From a request's head to the first event of its stream",
            ("endpoint",),
            buckets=_FIRST_TOKEN_BUCKETS,
            registry=self.registry,
        )
        self._tokens = self._counter("tokens", "Metered tokens", ("model", "kind"))
        self._upstream_errors = self._counter("upstream_errors", "Requests that an upstream failed", ("reason",))
        self._upstream_up = Gauge(
            "inferloop_gateway_upstream_up", "Whether an upstream is healthy", ("model", "url"), registry=self.registry
        )
        self._by_answer: dict[tuple[str, int], Counter] = {}
        self._by_endpoint: dict[str, tuple[Histogram, Histogram]] = {}
        self._by_model: dict[str, tuple[Counter, Counter]] = {}

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"inferloop_gateway_{name}", text, labels, registry=self.registry)

    def watch(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Export `read()` as a gauge, asked when the metrics are."""
        Gauge(f"inferloop_gateway_{name}", text, registry=self.registry).set_function(read)

    def watch_upstream(self, model: str, url: str, read: Callable[[], float]) -> None:
        """Export whether one upstream is well."""
        self._upstream_up.labels(model, url).set_function(read)

    def answered(self, endpoint: str, status: int, duration_s: float, first_token_s: float | None) -> None:
        """Count one answer."""
        counter = self._by_answer.get((endpoint, status))
        if counter is None:
            counter = self._by_answer[endpoint, status] = self._requests.labels(endpoint, str(status))
        counter.inc()
        times = self._by_endpoint.get(endpoint)
        if times is None:
            times = self._by_endpoint[endpoint] = self._duration.labels(endpoint), self._first_token.labels(endpoint)
        times[0].observe(duration_s)
        if first_token_s is not None:
            times[1].observe(first_token_s)

    def used(self, model: str, prompt_tokens: int, completion_tokens: int) -> None:
        """Count a request's tokens."""
        counters = self._by_model.get(model)
        if counters is None:
            counters = self._by_model[model] = (
                self._tokens.labels(model, "prompt"),
                self._tokens.labels(model, "completion"),
            )
        counters[0].inc(prompt_tokens)
        counters[1].inc(completion_tokens)

    def upstream_failed(self, reason: str) -> None:
        """Count a request that an upstream failed: "connect", "timeout" or "broken"."""
        self._upstream_errors.labels(reason).inc()

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
