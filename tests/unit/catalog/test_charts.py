import datetime
import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from components.catalog.charts import CHARTS, Charts, digest_of, load_charts, read_charts
from components.errors import CatalogError

FILES = {"b.yaml": b"two", "a.yaml": b"one"}


def _lock(**changes: Any) -> dict[str, Any]:
    lock: dict[str, Any] = yaml.safe_load(CHARTS.read_text())
    lock["charts"] = [{**lock["charts"][0], **changes}]
    return lock


def test_the_lock_has_what_a_cluster_is_given() -> None:
    lock = load_charts()
    names = [chart.name for chart in lock.charts]
    assert names == sorted(names)
    assert set(names) >= {
        "cert-manager",
        "dcgm-exporter",
        "envoy-gateway",
        "external-secrets",
        "karpenter",
        "keda",
        "kube-prometheus-stack",
        "nvidia-device-plugin",
        "velero",
    }
    assert lock.read <= datetime.date.today()
    used = {name for chart in lock.charts for name in chart.definitions}
    assert used == set(lock.definitions)


def test_every_entry_names_its_source_and_a_licence_that_may_be_used() -> None:
    lock = load_charts()
    stated = [(entry.source, entry.licence) for entry in lock.charts]
    stated += [(entry.source, entry.licence) for entry in lock.definitions.values()]
    for source, licence in stated:
        assert source.startswith("https://")
        assert licence == "Apache-2.0"


def test_charts_and_definitions_are_given_by_name() -> None:
    lock = load_charts()
    assert lock.chart("keda").definitions == ("keda",)
    assert lock.definition_set("keda").module == "github.com/kedacore/keda/v2"


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CatalogError, match=r"no 'istio'; it has .*cert-manager, .*velero"):
        load_charts().chart("istio")
    with pytest.raises(CatalogError, match=r"no definitions 'istio'; it has cert-manager, .*velero"):
        load_charts().definition_set("istio")


def test_a_release_finds_its_chart_by_registry_or_by_repository_and_name() -> None:
    lock = load_charts()
    for chart in lock.charts:
        assert lock.of_reference(chart.reference, "" if chart.is_oci else chart.repository) is chart
        assert chart.is_oci == chart.reference.startswith("oci://")
    with pytest.raises(CatalogError, match=r"https://evil\.example/keda is not locked; charts\.yaml has "):
        lock.of_reference("keda", "https://evil.example")


def test_a_digest_is_of_names_and_contents_whatever_their_order() -> None:
    lines = "".join(f"{hashlib.sha256(text).hexdigest()}  {path}\n" for path, text in sorted(FILES.items()))
    assert digest_of(FILES) == hashlib.sha256(lines.encode()).hexdigest()
    assert digest_of({**FILES, "a.yaml": b"1"}) != digest_of(FILES)
    assert digest_of({"c.yaml": b"two", "a.yaml": b"one"}) != digest_of(FILES)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"digest": "sha256:latest"}, "digest"),
        ({"repository": "http://charts.example.org"}, "repository"),
        ({"definitions": ["istio"], "definitions_note": ""}, "names the definitions 'istio', which are not there"),
        ({"definitions": [], "definitions_note": ""}, "no definitions_note that says why"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_lock_that_is_wrong_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Charts.model_validate(_lock(**changes))


def test_another_lock_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "charts.yaml"
    path.write_text(yaml.safe_dump(_lock(digest="0" * 64)))
    assert read_charts(path).charts[0].digest == "0" * 64
