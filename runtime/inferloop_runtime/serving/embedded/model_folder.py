"""What the front process knows of a model: read from its JSON files, without importing torch."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inferloop_runtime.errors import ModelError


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Describe the model of one folder. `dtype` is the one its weights are stored in, as torch names it."""

    config: dict[str, Any]
    eos_token_ids: tuple[int, ...]
    dtype: str
    position_limit: int
    vocabulary_size: int


def read_model_facts(folder: Path) -> ModelFacts:
    """Read `config.json` and `generation_config.json`.

    Raises ModelError where the folder is no model that can be served.
    """
    config = _read(folder / "config.json")
    generation = _read(folder / "generation_config.json") if (folder / "generation_config.json").is_file() else {}
    if not (folder / "model.safetensors").is_file() and not (folder / "model.safetensors.index.json").is_file():
        raise ModelError(f"{folder} holds no safetensors weights; run `inferloop-runtime weights prepare`")
    eos = generation.get("eos_token_id", config.get("eos_token_id"))
    try:
        return ModelFacts(
            config=config,
            eos_token_ids=tuple(eos) if isinstance(eos, list) else () if eos is None else (int(eos),),
            dtype=str(config.get("dtype") or config.get("torch_dtype") or "float32"),
            position_limit=int(config["max_position_embeddings"]),
            vocabulary_size=int(config["vocab_size"]),
        )
    except KeyError as error:
        raise ModelError(f"{folder / 'config.json'} lacks {error}: this kind of model is not served") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read ({error.strerror}); run `inferloop-runtime weights prepare`"
        ) from error
    except ValueError as error:
        raise ModelError(f"{path} is damaged ({error}); run `inferloop-runtime weights prepare` again") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} is damaged: it is not a JSON object; run `inferloop-runtime weights prepare` again")
    return content
