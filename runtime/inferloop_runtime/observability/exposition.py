"""Put the metrics of several processes together into one valid exposition."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector


def labelled_families(text: str, process: str) -> list[Metric]:
    """Read one process's metrics and put the label `process` on each sample.

    A sample that has such a label already keeps it as `exported_process`, as Prometheus itself does. Raises ValueError
    for text that is no exposition.
    """
    families = []
    for family in text_string_to_metric_families(text):
        labelled = Metric(family.name, family.documentation, family.type, family.unit)
        for sample in family.samples:
            labels = dict(sample.labels)
            if "process" in labels:
                labels["exported_process"] = labels.pop("process")
            labelled.add_sample(sample.name, labels | {"process": process}, sample.value, sample.timestamp)
        families.append(labelled)
    return families


def merged(families: Iterable[Metric]) -> list[Metric]:
    """Bring the samples of families of one name together, as the text format demands.

    Where two processes disagree on a family's type, the later samples cannot be told truly and are left out.
    """
    by_name: dict[str, Metric] = {}
    for family in families:
        # A counter's name in the text format ends so, and may stand beside a gauge of the bare name.
        written = f"{family.name}_total" if family.type == "counter" else family.name
        known = by_name.setdefault(written, Metric(family.name, family.documentation, family.type, family.unit))
        if known.type == family.type:
            known.samples.extend(family.samples)
    return list(by_name.values())


class _Collected(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        yield from self._families


def exposition(families: Iterable[Metric]) -> bytes:
    """Return the families in Prometheus' text format, those of one name merged."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(merged(families)))
    return generate_latest(registry)
