"""Checks that read files but change nothing, before the engine is told of any resource."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inferloop_runtime.errors import ShardingError
from inferloop_runtime.serving.planner.degrees import require_degree

from components.errors import PreflightError
from stacks.settings import ModelSettings

# What the planner asks of a model's config.json, for models whose files are made only later. The sample's figures are
# those of https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct/blob/main/config.json.
_KNOWN_CONFIGS: Mapping[str, Mapping[str, int]] = {
    "sample:smollm2-135m-instruct": {
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "intermediate_size": 1536,
        "max_position_embeddings": 8192,
    },
    "tiny": {
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "intermediate_size": 144,
        "max_position_embeddings": 2048,
    },
}


def check_model(model: ModelSettings) -> None:
    """Refuse a model that cannot be served as the settings want it.

    Raises PreflightError where a local folder is no model, the model cannot be split over `shards`, or does not know as
    many positions as `max_total_tokens`. A hub id is judged only once its files are here.
    """
    config = _config_of(model)
    if config is None:
        return
    try:
        require_degree(config, model.shards)
    except ShardingError as error:
        raise PreflightError(f"inferloop:model.shards: {error}") from None
    positions = config.get("text_config", config).get("max_position_embeddings")
    if positions is not None and model.max_total_tokens > positions:
        raise PreflightError(
            f"inferloop:model.max_total_tokens: {model.max_total_tokens} is more than the {positions} positions that "
            f"the model {model.source} knows; set it to {positions} or less"
        )


def _config_of(model: ModelSettings) -> Mapping[str, Any] | None:
    if model.source in _KNOWN_CONFIGS:
        return _KNOWN_CONFIGS[model.source]
    if model.source.startswith("sample:"):
        known = ", ".join(_KNOWN_CONFIGS)
        raise PreflightError(f"inferloop:model.source: no sample is called {model.source}; known: {known}")
    folder = Path(model.source).expanduser()
    if not folder.is_dir():
        if model.source.startswith((".", "/", "~")):
            raise PreflightError(f"inferloop:model.source: the folder {folder} does not exist")
        return None
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise PreflightError(
            f"inferloop:model.source: {folder} holds no readable config.json; it is no model"
        ) from None
    if not isinstance(config, dict):
        raise PreflightError(f"inferloop:model.source: {folder / 'config.json'} is no JSON object")
    return config
