"""Definitions from Go modules, fetched by the real Go from a module proxy of files."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.catalog.charts import ModuleFiles, digest_of
from stacks.rehearsal.custom_resources import read_definitions, read_files
from stacks.rehearsal.plugins.errors import RehearsalError
from tests.support.go_proxy import publish_module
from tests.support.tiny_checkout import REPOSITORY
from tools.bootstrap.context import Context
from tools.bootstrap.errors import SetupError
from tools.bootstrap.layout import Layout, layout_of
from tools.bootstrap.progress import Progress
from tools.bootstrap.versions import read_pins
from tools.charts import store
from tools.charts.cli import main
from tools.charts.manifests import definitions_in
from tools.charts.modules import fetch_modules

SCHEMA = """openAPIV3Schema:
          description: An object
          type: object
          properties:
            description: {type: string, description: what it is for}
            operator: {enum: [=, "!="], default: =}
            since: {default: 2020-01-01, type: string}
            parts: {type: array, items: {description: a part, anyOf: [{description: x, type: string}]}}
"""
DEFINITION = f"""---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: gadgets.example.org}}
spec:
  group: example.org
  names: {{kind: Gadget, plural: gadgets}}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        {SCHEMA}
status: {{conditions: []}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: beside}}
"""
FILES = {"crds/gadgets.yaml": DEFINITION.encode()}
MODULE = "example.org/gadgets"


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """A checkout of its own with a cache of its own, whose modules come from files."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go is here")
    files = {"go.mod": f"module {MODULE}\n\ngo 1.26\n", "crds/gadgets.yaml": DEFINITION, "crds/notes.md": "notes"}
    publish_module(tmp_path / "proxy", MODULE, "v1.2.3", files)
    environ = {
        "PATH": f"{Path(go).parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "GOPROXY": (tmp_path / "proxy").as_uri(),
        "GONOSUMDB": "*",
    }
    pins = read_pins(layout_of(REPOSITORY).pins)
    return Context(Layout(tmp_path / "checkout", tmp_path / "cache"), pins, Progress(), environ)


def _locked(**changes: Any) -> ModuleFiles:
    about = {"module": MODULE, "version": "v1.2.3", "files": ["crds/*.yaml"], "licence": "Apache-2.0", "source": "none"}
    return ModuleFiles.model_validate({**about, "sha256": digest_of(FILES), **changes})


def test_definitions_are_fetched_once_for_all_checkouts(context: Context, tmp_path: Path) -> None:
    fetch_modules(context, [_locked()])
    store.record(context)
    record = context.layout.tools / "charts.json"
    assert [item["metadata"]["name"] for item in read_definitions(_locked(), record)] == ["gadgets.example.org"]
    assert read_files(_locked(), record) == FILES
    # Nothing of the module itself stays.
    assert {path.name for path in store.definitions_store(context).iterdir()} == {"lock", _locked().sha256}
    shutil.rmtree(tmp_path / "proxy")
    other = replace(context, layout=Layout(tmp_path / "other", context.layout.cache))
    fetch_modules(other, [_locked()])


def test_what_was_changed_in_the_store_is_fetched_anew(context: Context) -> None:
    fetch_modules(context, [_locked()])
    store.record(context)
    record = context.layout.tools / "charts.json"
    stored = store.definitions_store(context) / _locked().sha256
    (stored / "crds" / "gadgets.yaml").write_text("changed")
    with pytest.raises(RehearsalError, match="is not what was fetched"):
        read_files(_locked(), record)
    fetch_modules(context, [_locked()])
    assert read_files(_locked(), record) == FILES


def test_a_module_that_does_not_hold_what_is_locked_is_refused_with_what_it_holds(context: Context) -> None:
    with pytest.raises(SetupError, match=rf"its 1 files .* have the digest {digest_of(FILES)}, not {'0' * 64}"):
        fetch_modules(context, [_locked(sha256="0" * 64)])
    with pytest.raises(SetupError, match="its 0 files of other"):
        fetch_modules(context, [_locked(files=["other/*.yaml"])])
    assert [path.name for path in store.definitions_store(context).iterdir()] == ["lock"]


def test_a_fetch_that_failed_goes_on_from_what_it_had(context: Context, tmp_path: Path) -> None:
    missing = _locked(module="example.org/missing", sha256="1" * 64)
    with pytest.raises(SetupError, match=r"example\.org/missing v1\.2\.3 could not be fetched"):
        fetch_modules(context, [_locked(), missing])
    assert store.is_stored(context, _locked())
    left = store.definitions_store(context) / f".{_locked().sha256}.killed"
    left.mkdir()
    (store.definitions_store(context) / _locked().sha256 / "sha256.json").unlink()
    fetch_modules(context, [_locked()])
    assert not left.exists()


def test_the_command_fetches_what_the_lock_names(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in context.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    root = tmp_path / "root"
    (root / "tools").mkdir(parents=True)
    shutil.copy(layout_of(REPOSITORY).pins, root / "tools" / "versions.toml")
    lock = tmp_path / "charts.yaml"
    entry = _locked().model_dump(mode="json")
    lock.write_text(yaml.safe_dump({"read": "2026-11-23", "charts": [], "definitions": {"gadgets": entry}}))
    assert main(["--lock", str(lock), "fetch"], root) == 0
    record = json.loads((root / ".tools" / "charts.json").read_text())
    assert record["definitions"] == str(tmp_path / "xdg" / "inferloop" / "definitions")
    entry["version"] = "v9.9.9"
    entry["sha256"] = "1" * 64
    lock.write_text(yaml.safe_dump({"read": "2026-11-23", "charts": [], "definitions": {"gadgets": entry}}))
    assert main(["--lock", str(lock), "fetch"], root) == 1


def test_a_definition_is_read_as_kubernetes_reads_it_and_without_what_checks_nothing() -> None:
    (item,) = definitions_in(FILES)
    assert "status" not in item
    schema = item["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert schema == {
        "type": "object",
        "properties": {
            "description": {"type": "string"},
            "operator": {"enum": ["=", "!="], "default": "="},
            "since": {"default": "2020-01-01", "type": "string"},
            "parts": {"type": "array", "items": {"anyOf": [{"type": "string"}]}},
        },
    }
