"""Copy a model's files into the folder that serves them, mending only what differs."""

import os
import shutil
import tempfile
from pathlib import Path

from inferloop_runtime.errors import ModelError
from inferloop_runtime.serving.weights.cache import locked_folder
from inferloop_runtime.serving.weights.manifest import (
    MANIFEST_NAME,
    Manifest,
    damaged_files,
    read_manifest,
    write_manifest,
)
from inferloop_runtime.serving.weights.progress import Progress


def install_model(origin: Path, manifest: Manifest, folder: Path, progress: Progress) -> list[str]:
    """Make `folder` hold exactly the model of `manifest`, whose files lie in `origin`; return the names written.

    Files are copied, never linked, so damage to one folder stays there. A new folder appears whole, by a rename; in an
    existing one only files that differ are replaced, and files of an earlier manifest that are no longer named go.
    Raises ModelError where `folder` holds other things, cannot be written, or a copy does not match its digest.
    """
    folder = folder.absolute()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked_folder(folder.parent, progress):
            if not folder.exists():
                return _install_new(origin, manifest, folder, progress)
            return _mend(origin, manifest, folder, progress)
    except OSError as error:
        raise ModelError(
            f"the model cannot be written to {folder} ({error.strerror}); free space or choose another folder"
        ) from error


def _install_new(origin: Path, manifest: Manifest, folder: Path, progress: Progress) -> list[str]:
    for abandoned in folder.parent.glob(f".{folder.name}.partial-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.partial-", dir=folder.parent))
    try:
        names = _copy(origin, list(manifest.files), partial, progress)
        _refuse_damage(partial, manifest)
        write_manifest(partial, manifest)
        partial.chmod(0o755)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return names


def _mend(origin: Path, manifest: Manifest, folder: Path, progress: Progress) -> list[str]:
    earlier = _earlier_files(folder, manifest)
    damaged = [item.name for item in damaged_files(folder, manifest)]
    if damaged or earlier != set(manifest.files):
        # The wanted state first: an interrupted run then leaves a folder that `weights verify` calls incomplete.
        write_manifest(folder, manifest)
        _copy(origin, damaged, folder, progress)
        for name in earlier - set(manifest.files):
            (folder / name).unlink(missing_ok=True)
        _refuse_damage(folder, manifest)
    elif read_manifest(folder) != manifest:
        write_manifest(folder, manifest)
    return damaged


def _earlier_files(folder: Path, manifest: Manifest) -> set[str]:
    """Name the files that an earlier preparation put into `folder`; refuse a folder that is not ours to change."""
    if (folder / MANIFEST_NAME).exists():
        try:
            return set(read_manifest(folder).files)
        except ModelError:
            return set()
    strangers = sorted(path.name for path in folder.iterdir() if path.name not in manifest.files)
    if strangers:
        raise ModelError(
            f"{folder} holds other files ({', '.join(strangers[:3])}) and no {MANIFEST_NAME}; "
            "name an empty or new folder with --to"
        )
    return set()


def _copy(origin: Path, names: list[str], folder: Path, progress: Progress) -> list[str]:
    for position, name in enumerate(names):
        progress.step("copying model files", position, len(names))
        partial = folder / f".{name}.partial-{os.getpid()}"
        try:
            shutil.copyfile(origin / name, partial)
            with partial.open("rb") as stream:
                os.fsync(stream.fileno())
            partial.replace(folder / name)
        finally:
            partial.unlink(missing_ok=True)
    return names


def _refuse_damage(folder: Path, manifest: Manifest) -> None:
    damaged = damaged_files(folder, manifest)
    if damaged:
        raise ModelError(
            f"the copies of {', '.join(item.name for item in damaged)} in {folder} do not match their digests; "
            "check the disk and run the command again"
        )
