"""The tiny generated model, prepared once a session."""

import tempfile
from functools import lru_cache
from pathlib import Path

from inferloop_runtime.serving.weights.manifest import build_manifest, write_manifest
from inferloop_runtime.serving.weights.tiny import generate_tiny_model


@lru_cache(maxsize=1)
def _holder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="inferloop-tiny-")


@lru_cache(maxsize=1)
def tiny_model() -> Path:
    """Return the folder of the tiny model; it is removed when the interpreter ends, and must not be changed."""
    folder = Path(_holder().name) / "tiny"
    folder.mkdir()
    names = generate_tiny_model(folder)
    write_manifest(folder, build_manifest(folder, names, source="tiny", model_id="tiny"))
    return folder
