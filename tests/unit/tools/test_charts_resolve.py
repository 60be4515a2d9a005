"""Digests of chart packages, pulled by the real helm from a repository and a registry on loopback."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.catalog.charts import read_charts
from tests.support.chart_registry import chart_registry
from tests.support.helm_chart import write_chart
from tests.support.package_index import Site, serving
from tests.support.tiny_checkout import REPOSITORY
from tools.bootstrap.context import Context
from tools.bootstrap.control_plane import recorded_control_plane
from tools.bootstrap.errors import SetupError
from tools.bootstrap.layout import Layout, layout_of
from tools.bootstrap.progress import Progress
from tools.bootstrap.versions import read_pins
from tools.charts.cli import fetch
from tools.charts.packages import pull, resolve, with_digests
from tools.charts.store import packages_store

_ABOUT = {"namespace": "a", "licence": "Apache-2.0", "source": "none", "definitions_note": "none"}


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """This checkout's helm, with a cache of its own."""
    context = Context(
        Layout(REPOSITORY, tmp_path / "cache"),
        read_pins(layout_of(REPOSITORY).pins),
        Progress(),
        {"HOME": str(tmp_path)},
    )
    if recorded_control_plane(context) is None:
        pytest.skip("helm is not built: run `make rehearsal-tools`")
    return context


@pytest.fixture
def package(context: Context, tmp_path: Path) -> Path:
    """The package of a small chart."""
    chart = write_chart(tmp_path / "charts")
    _helm(context, "package", chart, "--destination", tmp_path / "packages")
    return tmp_path / "packages" / "small-1.2.3.tgz"


@pytest.fixture
def site(context: Context, package: Path, tmp_path: Path) -> Iterator[Site]:
    """A chart repository that has the package."""
    with serving(tmp_path / "site") as site:
        shutil.copy(package, site.folder)
        _helm(context, "repo", "index", site.folder, "--url", site.url)
        yield site


def _helm(context: Context, *arguments: object) -> None:
    programs = recorded_control_plane(context)
    assert programs is not None
    subprocess.run([programs / "helm", *map(str, arguments)], check=True, capture_output=True, env=context.environ)


def _lock(path: Path, *entries: dict[str, Any]) -> Path:
    charts = [{"name": "small", "chart": "small", "version": "1.2.3", "digest": None, **_ABOUT, **it} for it in entries]
    # In the form of components/catalog/charts.yaml, with a comment that must survive.
    text = yaml.safe_dump({"read": "2026-11-23", "charts": charts, "definitions": {}}, sort_keys=False)
    text = text.replace("\n- ", "\n  - ").replace("\n  chart:", "\n    chart:")
    path.write_text("# kept\n" + _indented(text))
    return path


def _indented(text: str) -> str:
    return "".join(
        f"    {line.strip()}\n" if line.startswith("  ") and not line.startswith("  - ") else f"{line}\n"
        for line in text.splitlines()
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_digests_are_written_where_a_repository_and_a_registry_are_reached(
    context: Context, site: Site, package: Path, tmp_path: Path
) -> None:
    with chart_registry("small", "1.2.3", package.read_bytes()) as address:
        lock = _lock(
            tmp_path / "charts.yaml",
            {"repository": site.url, "name": "indexed"},
            {"repository": f"oci://{address}/charts", "name": "registered"},
            {"repository": f"{site.url}/nowhere", "name": "missing"},
        )
        found = resolve(context, read_charts(lock).charts, lock)
    digest = _sha256(package)
    assert found.digests == {"indexed": digest, "registered": digest}
    assert list(found.problems) == ["missing"]
    charts = {chart.name: chart.digest for chart in read_charts(lock).charts}
    assert charts == {"indexed": digest, "registered": digest, "missing": None}
    assert lock.read_text().startswith("# kept\n")
    assert [path.name for path in packages_store(context).iterdir()] == [f"{digest}.tgz"]


def test_a_package_that_is_no_longer_what_it_was_is_refused_and_kept_nowhere(
    context: Context, site: Site, tmp_path: Path
) -> None:
    lock = _lock(tmp_path / "charts.yaml", {"repository": site.url, "digest": "0" * 64})
    before = lock.read_text()
    found = resolve(context, read_charts(lock).charts, lock)
    assert "is no longer what it was" in found.problems["small"]
    assert lock.read_text() == before
    assert list(packages_store(context).iterdir()) == []


def test_a_stored_package_is_not_asked_for_again(context: Context, site: Site, package: Path, tmp_path: Path) -> None:
    lock = _lock(tmp_path / "charts.yaml", {"repository": site.url, "digest": _sha256(package)})
    (chart,) = read_charts(lock).charts
    assert pull(context, chart) == _sha256(package)
    site.asked.clear()
    assert pull(context, chart) == _sha256(package)
    assert site.asked == []
    (packages_store(context) / f"{_sha256(package)}.tgz").write_bytes(b"broken")
    pull(context, chart)
    assert site.asked != []


def test_fetching_goes_on_without_a_package_that_is_not_had(
    context: Context, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = _lock(tmp_path / "charts.yaml", {"repository": "http://127.0.0.1:9/none", "digest": "0" * 64})
    own = replace(context, layout=Layout(tmp_path / "checkout", tmp_path / "cache"))
    assert fetch(own, read_charts(lock)) == 0
    assert "small: not had, its values alone are checked" in capsys.readouterr().err
    assert (own.layout.tools / "charts.json").exists()


def test_without_helm_the_command_that_builds_it_is_named(tmp_path: Path) -> None:
    lock = _lock(tmp_path / "charts.yaml", {"repository": "https://charts.example.org"})
    pins = read_pins(layout_of(REPOSITORY).pins)
    bare = Context(Layout(tmp_path / "checkout", tmp_path / "cache"), pins, Progress(), {})
    with pytest.raises(SetupError, match=r"(?s)helm is not built yet.*make rehearsal-tools"):
        pull(bare, read_charts(lock).charts[0])


def test_a_digest_is_put_into_its_own_entry_alone() -> None:
    path = REPOSITORY / "components" / "catalog" / "charts.yaml"
    text = path.read_text()
    changed = with_digests(text, {"keda": "f" * 64})
    lines = [(old, new) for old, new in zip(text.splitlines(), changed.splitlines(), strict=True) if old != new]
    assert lines == [("    digest: null", f"    digest: {'f' * 64}")]
    assert (
        yaml.safe_load(changed)["charts"][[it["name"] for it in yaml.safe_load(text)["charts"]].index("keda")]["digest"]
        == "f" * 64
    )
    with pytest.raises(SetupError, match="no line `digest:` in the entry of istio"):
        with_digests(text, {"istio": "f" * 64})
