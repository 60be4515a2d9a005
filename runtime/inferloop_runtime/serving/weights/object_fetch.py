"""Fetch a published model from an object store into the folder that serves it."""

import shutil
from pathlib import Path

from inferloop_runtime.errors import ModelError
from inferloop_runtime.serving.weights.cache import locked_folder
from inferloop_runtime.serving.weights.installation import install_model
from inferloop_runtime.serving.weights.manifest import MANIFEST_NAME, Manifest, damaged_files, write_manifest
from inferloop_runtime.serving.weights.object_store import ObjectStore
from inferloop_runtime.serving.weights.progress import Progress
from inferloop_runtime.serving.weights.ranged_download import download_files


def fetch_model(uri: str, folder: Path, progress: Progress) -> tuple[Manifest, list[str]]:
    """Make `folder` hold the model that was published at `uri`; return its manifest and the files that were written.

    Files are fetched beside the folder, so that a new one appears whole, by a rename, with no second copy on the disk;
    what was fetched when a run is killed is there for the next one. Of an existing folder only what differs is fetched.
    """
    store = ObjectStore(uri)
    # What mends the folder later is the place that it was fetched from.
    manifest = store.manifest().model_copy(update={"source": store.uri})
    folder = folder.absolute()
    staging = folder.with_name(f".{folder.name}.fetch")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked_folder(folder.parent, progress):
            missing = _missing(folder, manifest)
            if missing:
                staging.mkdir(exist_ok=True)
                _sweep(staging, manifest)
                download_files(store, {name: manifest.files[name] for name in missing}, staging, progress)
            if not folder.exists():
                write_manifest(staging, manifest)
                staging.rename(folder)
                return manifest, missing
        written = install_model(staging, manifest, folder, progress)
        shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise ModelError(
            f"the model cannot be written to {folder} ({error.strerror}); free space or choose another folder"
        ) from error
    return manifest, written


def _missing(folder: Path, manifest: Manifest) -> list[str]:
    if not folder.exists():
        return list(manifest.files)
    return [item.name for item in damaged_files(folder, manifest)]


def _sweep(staging: Path, manifest: Manifest) -> None:
    """Remove what an interrupted run of another model left, so that a folder holds its model's files alone."""
    ours = {MANIFEST_NAME, *manifest.files, *(f".{name}.parts" for name in manifest.files)}
    for path in staging.iterdir():
        if path.name not in ours:
            path.unlink()
