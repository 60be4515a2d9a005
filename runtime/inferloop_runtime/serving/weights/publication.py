"""Publish a prepared model folder to an object store, so that model servers fetch it from there."""

import shutil
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from inferloop_runtime.errors import ModelError
from inferloop_runtime.serving.weights.manifest import Manifest, damaged_files, read_manifest
from inferloop_runtime.serving.weights.object_store import ObjectStore
from inferloop_runtime.serving.weights.preparation import prepare_model
from inferloop_runtime.serving.weights.progress import Progress


class PublishedModel(BaseModel):
    """Say what a publication made: the place, the manifest, and the files that had to be written."""

    model_config = ConfigDict(frozen=True)

    uri: str
    manifest: Manifest
    written: list[str]


def publish_model(folder: Path, uri: str, *, replace: bool = False, progress: Progress | None = None) -> PublishedModel:
    """Make `uri` (`s3://bucket/prefix`) hold the model of `folder`: the files first, the manifest last.

    What is there with the same digest is left alone, so that a publication that broke off goes on. Another model's
    place is refused unless `replace` is set; its manifest goes first then, and who fetches meanwhile fails.
    Raises ModelError where the folder is damaged, the place is taken, or the store fails.
    """
    progress = progress or Progress()
    manifest = read_manifest(folder)
    if damaged := damaged_files(folder, manifest):
        raise ModelError(
            f"{folder} is damaged ({', '.join(item.name for item in damaged)}) and is not published; run "
            f"`inferloop-runtime weights prepare --source {manifest.source} --to {folder}`"
        )
    store = ObjectStore(uri)
    there = None if replace else store.published()
    if there is not None and there.revision != manifest.revision:
        raise ModelError(
            f"{store.uri} holds {there.model_id} at {there.revision}, and {folder} is {manifest.model_id} at "
            f"{manifest.revision}; publish it elsewhere, or with --replace"
        )
    outdated = [name for name, entry in manifest.files.items() if not store.holds(name, entry)]
    if there is None or outdated:
        if replace:
            store.remove_manifest()
        for position, name in enumerate(outdated):
            progress.step(f"publishing to {store.uri}", position, len(outdated))
            store.upload(folder / name, name, manifest.files[name])
        store.write_manifest(manifest)
    return PublishedModel(uri=store.uri, manifest=manifest, written=outdated)


def mirror_model(source: str, uri: str, scratch: Path, progress: Progress | None = None) -> PublishedModel:
    """Make `uri` hold the model of `source`, by way of the folder `scratch`, which is left empty; do nothing again.

    `source` is whatever `weights prepare` takes. Raises ModelError where another source's model lies there.
    """
    progress = progress or Progress()
    store = ObjectStore(uri)
    there = store.published()
    if there is not None and there.source != source:
        raise ModelError(
            f"{store.uri} holds the model of {there.source}, not of {source}; mirror to another place, or remove it"
        )
    if there is not None and all(store.holds(name, entry) for name, entry in there.files.items()):
        return PublishedModel(uri=store.uri, manifest=there, written=[])
    folder = scratch / "model"
    try:
        prepare_model(source, folder, progress)
        return publish_model(folder, uri, progress=progress)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
