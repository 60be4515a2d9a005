"""Files of Go modules, fetched by the go command, which checks each module against the checksum database."""

import json
import shutil
import tempfile
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from components.catalog.charts import ModuleFiles, digest_of
from tools.bootstrap import processes
from tools.bootstrap.context import Context
from tools.bootstrap.diagnosis import failure
from tools.bootstrap.errors import SetupError
from tools.bootstrap.go_toolchain import Go, ensure_go, go_environment
from tools.charts import store

_TOPIC = "charts"


def fetch_modules(context: Context, wanted: Iterable[ModuleFiles]) -> None:
    """Store what is missing of the files; what is stored is kept, whatever comes after it fails.

    Raises SetupError with the remedy where a module cannot be had, or does not hold what the lock says.
    """
    missing = [files for files in wanted if not store.is_stored(context, files)]
    if not missing:
        return
    with store.locked_store(context) as lock:
        # Another process may have stored some while this one waited.
        missing = [files for files in missing if not store.is_stored(context, files)]
        if not missing:
            return
        go = ensure_go(context)
        with tempfile.TemporaryDirectory(dir=store.definitions_store(context), prefix=".modules.") as modules:
            for module, group in groupby(sorted(missing, key=str), key=str):
                context.progress.say(_TOPIC, f"fetching {module}")
                parts = list(group)
                folder = _download(context, go, parts[0], Path(modules), lock)
                for files in parts:
                    store.put(context, files, _verified(files, folder))
                # Modules are large, and this was the last part of it.
                shutil.rmtree(Path(modules) / "mod", ignore_errors=True)


def _verified(wanted: ModuleFiles, folder: Path) -> dict[str, bytes]:
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for pattern in wanted.files
        for path in sorted(folder.glob(pattern))
    }
    if digest_of(found) != wanted.sha256:
        raise SetupError(
            f"{wanted} does not hold what components/catalog/charts.yaml says: its {len(found)} files of "
            f"{', '.join(wanted.files)} have the digest {digest_of(found)}, not {wanted.sha256}",
            mend="a module at a version never changes: check who serves GOPROXY; after a change of the version or the "
            "files, write the found digest into the lock",
        )
    return found


def _download(context: Context, go: Go, wanted: ModuleFiles, modules: Path, lock: int) -> Path:
    assert go.path is not None  # noqa: S101 - ensure_go has installed it
    lines: list[str] = []
    # Its own folders, for a build that ends removes those of builds.
    own = {"GOMODCACHE": "mod", "GOPATH": "path", "GOTMPDIR": "tmp", "XDG_CONFIG_HOME": "config"}
    environ = {**go_environment(context), **{name: str(modules / part) for name, part in own.items()}}
    (modules / "tmp").mkdir(exist_ok=True)
    # Else go leaves a process behind that still writes its counters while the folder is removed
    # (https://go.dev/doc/telemetry).
    telemetry = modules / "config" / "go" / "telemetry"
    telemetry.mkdir(parents=True, exist_ok=True)
    (telemetry / "mode").write_text("off", encoding="utf-8")
    finished = processes.run(
        [go.path, "mod", "download", "-json", f"{wanted.module}@{wanted.version}"],
        stop=context.stop,
        on_line=lines.append,
        on_wait=lambda: context.progress.tick(_TOPIC, f"still fetching {wanted}"),
        environ=environ,
        # Outside every module, so that only this one is asked for.
        folder=modules,
        keep_open=(*context.keep_open, lock),
    )
    text = "\n".join(lines)
    answer = json.loads(text[text.find("{") : text.rfind("}") + 1] or "{}")
    if finished.status != 0 or "Dir" not in answer:
        tail = (answer["Error"],) if "Error" in answer else finished.tail
        raise failure(f"{wanted} could not be fetched", processes.Finished(finished.status, tail))
    return Path(answer["Dir"])
