"""Packages of charts: pulled by helm from where they are published, told apart by their SHA-256."""

import re
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from components.catalog.charts import Chart
from tools.bootstrap import atomic, processes
from tools.bootstrap.context import Context
from tools.bootstrap.control_plane import recorded_control_plane
from tools.bootstrap.diagnosis import failure
from tools.bootstrap.errors import SetupError
from tools.charts import store


@dataclass
class Resolution:
    """What pulling the locked charts came to: the digest of each that was had, and why the others were not."""

    digests: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def resolve(context: Context, charts: tuple[Chart, ...], lock: Path) -> Resolution:
    """Pull every chart, keep its package in the store, and write digests that are not known yet into `lock`.

    A package whose digest is not the locked one is kept nowhere and is a problem. Raises SetupError without helm.
    """
    found = Resolution()
    for chart in charts:
        try:
            found.digests[chart.name] = pull(context, chart)
        except SetupError as error:
            found.problems[chart.name] = str(error.args[0])
    unknown = {chart.name for chart in charts if chart.digest is None} & set(found.digests)
    if unknown:
        text = with_digests(lock.read_text(encoding="utf-8"), {name: found.digests[name] for name in unknown})
        _write(lock, text)
    return found


def pull(context: Context, chart: Chart) -> str:
    """Store a chart's package and return its SHA-256; a package that is stored is not asked for again.

    Raises SetupError where it cannot be had, or is not the one that the lock names.
    """
    folder = store.packages_store(context)
    if chart.digest is not None and _is_whole(folder / f"{chart.digest}.tgz", chart.digest):
        return chart.digest
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".pull.") as temporary:
        package = _pull(context, chart, Path(temporary))
        digest = atomic.sha256_of(package)
        if chart.digest not in (None, digest):
            raise SetupError(
                f"{chart.reference} {chart.version} at {chart.repository} is no longer what it was: its digest is "
                f"{digest}, locked is {chart.digest}",
                mend="ask its publisher why; lock another version, with digest null, once you know",
            )
        package.chmod(0o644)
        package.replace(folder / f"{digest}.tgz")
    return digest


def with_digests(text: str, digests: dict[str, str]) -> str:
    """Return the text of a lock with the digests of some charts; everything else, comments too, stays as it is."""
    for name, digest in digests.items():
        entry = re.compile(rf"(^  - name: {re.escape(name)}\n(?:    .*\n)*?    digest: )[^\n]*", re.MULTILINE)
        text, count = entry.subn(rf"\g<1>{digest}", text)
        if count != 1:
            raise SetupError(
                f"the lock has no line `digest:` in the entry of {name}", mend="give the entry `digest: null`"
            )
    return text


def _pull(context: Context, chart: Chart, folder: Path) -> Path:
    programs = recorded_control_plane(context)
    if programs is None:
        raise SetupError("helm is not built yet", mend="make rehearsal-tools")
    source = [chart.reference] if chart.is_oci else [chart.chart, "--repo", chart.repository]
    command = [str(programs / "helm"), "pull", *source, "--version", chart.version]
    command += ["--destination", str(folder / "package")]
    if chart.repository.startswith("oci://127.0.0.1:"):
        command.append("--plain-http")
    (folder / "package").mkdir()
    finished = processes.run(
        command,
        stop=context.stop,
        on_wait=lambda: context.progress.tick("charts", f"still pulling {chart.name}"),
        # The user's own logins count, what helm caches does not outlive this.
        environ={**context.environ, "HELM_CACHE_HOME": str(folder / "cache")},
    )
    packages = list((folder / "package").glob("*.tgz"))
    if finished.status != 0 or len(packages) != 1:
        raise failure(f"{chart.reference} {chart.version} could not be pulled", finished)
    return packages[0]


def _is_whole(path: Path, digest: str) -> bool:
    return path.is_file() and atomic.sha256_of(path) == digest


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    shutil.copymode(path, temporary)
    temporary.replace(path)
