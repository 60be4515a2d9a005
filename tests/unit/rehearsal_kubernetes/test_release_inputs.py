"""What a release may ask for, before any cluster is asked."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.catalog.charts import Charts, digest_of, load_charts
from stacks.rehearsal.kubernetes.plugin import KubernetesPlugin
from stacks.rehearsal.kubernetes.release_record import digest_of_values
from stacks.rehearsal.kubernetes.releases import RELEASE, checked_inputs
from stacks.rehearsal.plugins.journal import Fidelity
from stacks.rehearsal.plugins.properties import UNKNOWN
from stacks.rehearsal.plugins.provider import ResourceRef

RESOURCE = ResourceRef(type=RELEASE, name="it", urn=f"urn:pulumi:s::p::{RELEASE}::it")
SCHEMA = {
    "type": "object",
    "required": ["cluster"],
    "properties": {"replicas": {"type": "integer"}, "cluster": {"type": "string"}},
    "additionalProperties": False,
}


@pytest.fixture
def lock(tmp_path: Path) -> tuple[Charts, Path]:
    """A lock of two charts, one with a schema, and the record of where that lies."""
    files = {"values.schema.json": json.dumps(SCHEMA).encode()}
    digest = digest_of(files)
    (tmp_path / digest).mkdir()
    (tmp_path / digest / "values.schema.json").write_bytes(files["values.schema.json"])
    (tmp_path / digest / "sha256.json").write_text("{}")
    record = tmp_path / "charts.json"
    record.write_text(json.dumps({"definitions": str(tmp_path), "packages": str(tmp_path)}))
    about = {"digest": None, "namespace": "a", "licence": "Apache-2.0", "source": "none", "definitions_note": "none"}
    module = {"module": "example.org/a", "version": "v1.2.3", "licence": "Apache-2.0", "source": "none"}
    schema = {**module, "files": ["values.schema.json"], "sha256": digest}
    charts = [
        {"name": "indexed", "repository": "https://a.example", "chart": "indexed", "version": "1.2.3", **about},
        {"name": "own", "repository": "oci://b.example/x", "chart": "own", "version": "v4.5.6", **about}
        | {"values_schema": schema},
    ]
    return Charts.model_validate({"read": "2026-11-23", "charts": charts, "definitions": {}}), record


def _problems(lock: tuple[Charts, Path], **inputs: Any) -> dict[str, str]:
    found = checked_inputs(RESOURCE, inputs, {}, seed=b"s", namespace="default", lock=lock[0], record=lock[1])[1]
    return {it.path: it.reason for it in found}


INDEXED = {"chart": "indexed", "repositoryOpts": {"repo": "https://a.example/"}, "version": "1.2.3"}
OWN = {"chart": "oci://b.example/x/own", "version": "4.5.6"}


def test_locked_charts_are_accepted_by_index_and_by_registry(lock: tuple[Charts, Path]) -> None:
    assert _problems(lock, **INDEXED, values={"anything": 1}) == {}
    assert _problems(lock, **OWN, values={"replicas": 2}) == {}


@pytest.mark.parametrize(
    ("inputs", "path", "said"),
    [
        ({**INDEXED, "chart": "other"}, "chart", "https://a.example/other is not locked; charts.yaml has "),
        (
            {**INDEXED, "repositoryOpts": {"repo": "https://evil.example"}},
            "chart",
            "https://evil.example/indexed is not",
        ),
        ({**INDEXED, "version": "1.2.4"}, "version", "asks for version 1.2.4 of the chart indexed; locked is 1.2.3"),
        ({"chart": "oci://b.example/x/own"}, "version", "asks for no version of the chart own; locked is v4.5.6"),
        ({}, "chart", "chart is missing"),
        ({**INDEXED, "values": [1]}, "values", "values must be an object, not list"),
        ({**INDEXED, "valueYamlFiles": ["a"]}, "valueYamlFiles", "valueYamlFiles is not rehearsed"),
        ({**OWN, "values": {"replicas": "two"}}, "values", "values.replicas: 'two' is not of type 'integer'"),
        ({**OWN, "values": {"replcas": 2}}, "values", "'replcas' was unexpected"),
    ],
)
def test_a_release_that_asks_for_something_else_is_refused(
    lock: tuple[Charts, Path], inputs: dict[str, Any], path: str, said: str
) -> None:
    problems = _problems(lock, **inputs)
    assert list(problems) == [path]
    assert said in problems[path]


def test_what_a_preview_does_not_know_is_not_judged(lock: tuple[Charts, Path]) -> None:
    assert _problems(lock, chart=UNKNOWN, version=UNKNOWN, values=UNKNOWN) == {}
    assert _problems(lock, **OWN, values={"replcas": UNKNOWN}) == {}


def test_a_chart_of_this_machine_needs_no_lock(lock: tuple[Charts, Path]) -> None:
    assert _problems(lock, chart="./charts/mine") == {}
    assert _problems(lock, chart="/srv/charts/mine-1.0.0.tgz") == {}


def test_a_name_is_generated_once_and_a_namespace_is_the_providers() -> None:
    made, _ = checked_inputs(RESOURCE, {"chart": "./x"}, {}, seed=b"s", namespace="apps")
    assert made["name"].startswith("it-")
    assert made["namespace"] == "apps"
    again, _ = checked_inputs(RESOURCE, {"chart": "./x"}, made, seed=b"another", namespace="apps")
    assert again["name"] == made["name"]
    named, _ = checked_inputs(RESOURCE, {"chart": "./x", "name": "mine"}, made, seed=b"s", namespace="apps")
    assert named["name"] == "mine"


def test_values_have_one_digest_whatever_their_order() -> None:
    assert digest_of_values({"a": 1, "b": {"c": 2, "d": 3}}) == digest_of_values({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest_of_values({"a": 1}) != digest_of_values({"a": 2})


def test_the_plugin_checks_releases_against_the_lock_of_this_distribution() -> None:
    plugin = KubernetesPlugin()
    locked = load_charts().chart("keda")
    inputs = {"chart": locked.chart, "repositoryOpts": {"repo": locked.repository}, "version": "0.0.1"}
    _, problems = plugin.check(RESOURCE, inputs, {}, b"s")
    assert [it.path for it in problems] == ["version"]
    assert plugin.replaces(RESOURCE) == {"name", "namespace"}
    assert plugin.fidelity(RESOURCE) is Fidelity.REPRESENTED
    assert not plugin.deletes_before_replacing(RESOURCE, {"name": "a"}, {"name": "b"})
