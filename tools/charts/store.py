"""The shared store of what the lock of charts names: folders by digest in the user's cache, complete or absent."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from components.catalog.charts import ModuleFiles
from tools.bootstrap import atomic
from tools.bootstrap.context import Context
from tools.bootstrap.locks import exclusive
from tools.charts.manifests import as_json, definitions_in

DEFINITIONS = "definitions.json"
_DIGESTS = "sha256.json"
_TOPIC = "charts"


def definitions_store(context: Context) -> Path:
    """Name the folder of files from Go modules."""
    return context.layout.cache / "definitions"


def packages_store(context: Context) -> Path:
    """Name the folder of chart packages."""
    return context.layout.cache / "charts"


@contextlib.contextmanager
def locked_store(context: Context) -> Iterator[int]:
    """Hold the store's lock, for one process fills it at a time; yield the lock's descriptor."""
    path = definitions_store(context) / "lock"
    with exclusive(path, topic=_TOPIC, progress=context.progress, stop=context.stop) as lock:
        yield lock


def is_stored(context: Context, wanted: ModuleFiles) -> bool:
    """Tell whether the store has the files of a module, each as it was when it was stored."""
    folder = definitions_store(context) / wanted.sha256
    digests = atomic.read_json(folder / _DIGESTS)
    return digests is not None and all(
        (folder / path).is_file() and atomic.sha256_of(folder / path) == digest for path, digest in digests.items()
    )


def put(context: Context, wanted: ModuleFiles, files: Mapping[str, bytes]) -> None:
    """Store the files of a module, and the definitions that they hold; the caller holds the lock.

    `files` must have the digest of the lock of charts, which the caller has compared.
    """
    store = definitions_store(context)
    for left in store.glob(f".{wanted.sha256}.*"):
        shutil.rmtree(left, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(dir=store, prefix=f".{wanted.sha256}."))
    try:
        content = dict(files)
        if found := definitions_in({path: text for path, text in files.items() if path.endswith(".yaml")}):
            content[DEFINITIONS] = as_json(found)
        for path, text in content.items():
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            (temporary / path).write_bytes(text)
        atomic.write_json(temporary / _DIGESTS, {path: atomic.sha256_of(temporary / path) for path in content})
        temporary.chmod(0o755)
        atomic.replace_folder(temporary, store / wanted.sha256)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def record(context: Context) -> None:
    """Note in the checkout where the stores are, for rehearsals, which read them without this folder's code."""
    atomic.write_json(
        context.layout.tools / "charts.json",
        {"definitions": str(definitions_store(context)), "packages": str(packages_store(context))},
    )
