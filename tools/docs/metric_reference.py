"""The reference of metrics, read from what each process's own metrics class registers and exposes."""

import ast
import asyncio
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import inferloop_runtime
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from tools.docs.markdown import NOTICE, code, prose, table

_PACKAGE = Path(inferloop_runtime.__file__).parent


@dataclass(frozen=True, order=True)
class Metric:
    """One metric family."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


def _registered(registry: CollectorRegistry) -> dict[str, tuple[str, ...]]:
    """Give the label names of every collector that states them; a family without samples shows none otherwise."""
    return {
        name: tuple(getattr(collector, "_labelnames", ()))
        for collector, names in registry._collector_to_names.items()
        for name in names
    }


def from_exposition(text: str, registry: CollectorRegistry | None = None) -> Iterator[Metric]:
    """Read the metrics of one exposition in Prometheus's text format."""
    stated = {} if registry is None else _registered(registry)
    for family in text_string_to_metric_families(text):
        # The client library's own side metric, one for each counter and histogram.
        if family.name.endswith("_created"):
            continue
        name = (
            f"{family.name}_total"
            if family.type == "counter" and f"# TYPE {family.name}_total" in text
            else family.name
        )
        labels = {label for sample in family.samples for label in sample.labels} - {"le", "quantile"}
        labels |= set(stated.get(family.name, ()))
        yield Metric(name, family.type, tuple(sorted(labels)), family.documentation)


def _model_server() -> Iterator[Metric]:
    from inferloop_runtime.serving.api.metrics import ServeMetrics
    from inferloop_runtime.serving.settings import ServeSettings

    engine: Any = SimpleNamespace(queue_size=0, batch_size=0, healthy=True)
    settings = ServeSettings(model_path=Path("model"), model_id="model", port=0, run_dir=Path("run"))
    yield from from_exposition(ServeMetrics(engine, settings).expose().decode())


def _gateway() -> Iterator[Metric]:
    from inferloop_runtime.gateway.telemetry import Telemetry

    telemetry = Telemetry()
    for name, meaning in _watched(_PACKAGE / "gateway"):
        telemetry.watch(name, meaning, lambda: 0.0)
    yield from from_exposition(telemetry.exposition().decode(), telemetry.registry)


def _watched(folder: Path) -> Iterator[tuple[str, str]]:
    """Find the gauges that are given to `Telemetry.watch` where the process is put together."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "watch":
                texts = [argument.value for argument in node.args[:2] if isinstance(argument, ast.Constant)]
                if len(texts) == 2:
                    yield str(texts[0]), str(texts[1])


class _Row(dict[str, Any]):
    """A row with whatever column is asked for."""

    def __missing__(self, column: str) -> Any:
        return "text" if column in ("job", "name", "state", "status") else 1.0


class _Database:
    """Answer every query with one row, so that each family of the exporter shows its labels."""

    async def fetchrow(self, _query: str) -> _Row:
        return _Row()

    async def fetch(self, _query: str) -> list[_Row]:
        return [_Row()]

    async def fetchval(self, _query: str) -> bool:
        return True


def _exporter() -> Iterator[Metric]:
    from inferloop_runtime.observability.database_metrics import database_families
    from inferloop_runtime.observability.exposition import exposition
    from inferloop_runtime.observability.process_metrics import process_families

    database: Any = _Database()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "docs.pid").write_text(str(os.getpid()))
        families = [*process_families(Path(folder)), *asyncio.run(database_families(database))]
    yield Metric("up", "gauge", ("process",), "Whether a process answered when its metrics were asked for")
    yield from from_exposition(exposition(families).decode())


# Process → its metrics.
PROCESSES = {"model-server": _model_server, "gateway": _gateway, "metrics": _exporter}


def render() -> str:
    """Give the page `reference/metrics.md`."""
    parts = [NOTICE.format(source="the processes' metrics"), "# Metrics\n"]
    parts.append(
        "The model server and the gateway serve Prometheus text at `/metrics`. The stack's metrics exporter gathers "
        "both at one address, with the label `process`, and adds what it sees of processes, PostgreSQL and the "
        "catalog. Names that begin with `tgi_` are those of Text Generation Inference. No label holds a key, a tenant "
        "or a prompt. The gateway also exposes the client library's `process_` family.\n"
    )
    for process, metrics in PROCESSES.items():
        rows = [
            (code(metric.name), metric.kind, " ".join(map(code, metric.labels)), prose(metric.meaning))
            for metric in sorted(metrics())
            if not metric.name.startswith(("process_", "python_"))
        ]
        parts += [f"## {process}\n", table(("metric", "type", "labels", "meaning"), rows)]
    return "\n".join(parts)
