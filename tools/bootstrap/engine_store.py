"""The shared store of engines in the user's cache: folders of executables with their digests, complete or absent."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.bootstrap import atomic
from tools.bootstrap.context import Context
from tools.bootstrap.engine import CLI, Engine, problem_with
from tools.bootstrap.errors import SetupError
from tools.bootstrap.locks import exclusive

_DIGESTS = "sha256.json"


def store_folder(context: Context, key: str) -> Path:
    """Name the folder of one engine; `key` says all that it is made from."""
    return context.layout.cache / "engine" / key


def is_stored(context: Context, key: str) -> bool:
    """Tell whether the store has the engine and every file still has its digest."""
    folder = store_folder(context, key)
    digests = atomic.read_json(folder / _DIGESTS)
    return digests is not None and all(_matches(folder / "bin" / name, digest) for name, digest in digests.items())


@contextlib.contextmanager
def storing(context: Context, key: str, topic: str) -> Iterator[tuple[Path | None, int]]:
    """Lock the store and yield an empty folder to put one engine's executables in, stored when the block ends well.

    Yields None instead of a folder where another set-up stored the engine meanwhile, and the lock's descriptor.
    """
    folder = store_folder(context, key)
    with exclusive(folder.with_name("lock"), topic=topic, progress=context.progress, stop=context.stop) as lock:
        if is_stored(context, key):
            yield None, lock
            return
        for left in folder.parent.glob(f".{key}.*"):
            shutil.rmtree(left, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{key}."))
        try:
            (temporary / "bin").mkdir()
            yield temporary / "bin", lock
            digests = {path.name: atomic.sha256_of(path) for path in sorted((temporary / "bin").iterdir())}
            atomic.write_json(temporary / _DIGESTS, digests)
            temporary.chmod(0o755)
            atomic.replace_folder(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def adopt(context: Context, key: str, *, source: str, why: str) -> Engine:
    """Put a stored engine into the checkout, by links where the file system allows, and verify that it runs."""
    folder = context.layout.engine_bin
    link_stored(context, [key], folder)
    problem = problem_with(str(folder), context.pins.pulumi, context.environ)
    if problem is not None:
        shutil.rmtree(store_folder(context, key), ignore_errors=True)
        raise SetupError(
            f"the engine ({source}) does not work here: {problem}",
            mend="run the same command again: it is made anew; or install Pulumi yourself, https://www.pulumi.com/docs/install/",
        )
    return Engine(folder / CLI, (folder,), source, context.pins.pulumi, why)


def link_stored(context: Context, keys: Sequence[str], folder: Path) -> None:
    """Make `folder` anew with the executables of some store folders, by links where the file system allows."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".bin.") as temporary:
        new = Path(temporary) / "bin"
        for key in keys:
            shutil.copytree(store_folder(context, key) / "bin", new, copy_function=_link_or_copy, dirs_exist_ok=True)
        atomic.replace_folder(new, folder)


def _matches(path: Path, digest: str) -> bool:
    return path.is_file() and os.access(path, os.X_OK) and atomic.sha256_of(path) == digest


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
