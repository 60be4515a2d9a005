"""Load one shard of a transformers model: each process reads and holds its own part of the weights only."""

import copy
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from inferloop_runtime.errors import ModelError, ShardingError
from inferloop_runtime.serving.embedded.attention import ATTENTION_NAME, slot_attention
from inferloop_runtime.serving.embedded.split_layers import VocabularySplitEmbedding, replace_row_split
from inferloop_runtime.serving.planner.degrees import require_degree

# Styles of transformers' plans: the output layer's is "colwise_gather_output", the embeddings' "embedding_rowwise".
_COLUMN_STYLES = {"colwise", "colwise_gather_output", "embedding_rowwise"}
_ROW_STYLES = {"rowwise"}
_MEND = "`inferloop-runtime weights verify` tells which file is damaged, `weights prepare` mends it"


@dataclass(frozen=True, slots=True)
class LoadedShard:
    """One shard's model. `splits_vocabulary` tells that its logits cover only its part of the vocabulary."""

    model: Any
    splits_vocabulary: bool
    parameter_bytes: int


def load_shard(
    folder: Path, *, rank: int, shards: int, dtype: torch.dtype, device: torch.device, sequence_limit: int
) -> LoadedShard:
    """Load shard `rank` of `shards` onto `device` in `dtype`, with attention over the slot cache.

    Raises ShardingError where the model cannot be split so, ModelError where it cannot be served or read.
    """
    from transformers import AttentionInterface, AutoConfig

    AttentionInterface.register(ATTENTION_NAME, slot_attention)
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"the configuration of {folder} cannot be used: {error}") from error
    _refuse_other_attention(config, sequence_limit)
    if shards == 1:
        model = _load_whole(folder, config, dtype, device)
        splits_vocabulary = False
    else:
        require_degree(config.to_dict(), shards)
        model, splits_vocabulary = _load_part(folder, config, rank, shards, dtype, device)
    if not getattr(model, "_supports_attention_backend", False):
        raise ModelError(f"models of type {config.model_type!r} do not let their attention be replaced; serve another")
    model.eval().requires_grad_(False)
    size = sum(item.numel() * item.element_size() for item in {id(p): p for p in model.parameters()}.values())
    return LoadedShard(model, splits_vocabulary, size)


def _load_whole(folder: Path, config: Any, dtype: torch.dtype, device: torch.device) -> Any:
    from transformers import AutoModelForCausalLM

    try:
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            attn_implementation=ATTENTION_NAME,
            local_files_only=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"the weights of {folder} cannot be loaded: {error}; {_MEND}") from error
    if report["missing_keys"]:
        raise ModelError(f"the weights of {folder} lack {', '.join(sorted(report['missing_keys'])[:3])}; {_MEND}")
    return model.to(device)


def _load_part(
    folder: Path, config: Any, rank: int, shards: int, dtype: torch.dtype, device: torch.device
) -> tuple[Any, bool]:
    """Build a model of a shard's size, then fill it with slices of the files."""
    from transformers import AutoModelForCausalLM
    from transformers.initialization import no_init_weights

    splits_vocabulary = config.vocab_size % shards == 0
    with no_init_weights(), torch.device(device):
        model = AutoModelForCausalLM.from_config(
            _shard_config(config, shards, splits_vocabulary), dtype=dtype, attn_implementation=ATTENTION_NAME
        )
    rows = _row_split_layers(model)
    replace_row_split(model, rows)
    if splits_vocabulary:
        model.set_input_embeddings(VocabularySplitEmbedding(model.get_input_embeddings(), rank))
    if config.tie_word_embeddings:
        model.get_output_embeddings().weight = model.get_input_embeddings().weight
    try:
        _fill(model, folder, rank, shards)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"the weights of {folder} cannot be loaded: {error}; {_MEND}") from error
    return model, splits_vocabulary


def _shard_config(config: Any, shards: int, splits_vocabulary: bool) -> Any:
    part = copy.deepcopy(config)
    part.head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    part.num_key_value_heads = (getattr(config, "num_key_value_heads", None) or config.num_attention_heads) // shards
    part.num_attention_heads = config.num_attention_heads // shards
    part.intermediate_size = config.intermediate_size // shards
    # A padding id may lie beyond the shard's vocabulary, and serving pads nothing.
    part.pad_token_id = None
    if splits_vocabulary:
        part.vocab_size = config.vocab_size // shards
    return part


def _row_split_layers(model: Any) -> set[str]:
    """Name the layers that the model's tensor-parallel plan splits along their input; refuse an unknown plan."""
    plan: dict[str, str] = dict(getattr(model, "tp_plan", None) or {})
    other = {style for style in plan.values() if style not in _COLUMN_STYLES | _ROW_STYLES}
    if other or not any(style in _ROW_STYLES for style in plan.values()):
        reason = f"its plan asks for {', '.join(sorted(other))}" if other else "it has no tensor-parallel plan"
        raise ShardingError(f"models of type {model.config.model_type!r} cannot be split ({reason}); set `shards` to 1")
    patterns = [re.escape(name).replace(r"\*", r"\d+") for name, style in plan.items() if style in _ROW_STYLES]
    wanted = re.compile(r"(?:.*\.)?(?:" + "|".join(patterns) + ")")
    return {name for name, module in model.named_modules() if isinstance(module, nn.Linear) and wanted.fullmatch(name)}


def _fill(model: Any, folder: Path, rank: int, shards: int) -> None:
    """Copy into every parameter its slice: the one dimension in which it is smaller than the stored tensor is split."""
    files = _tensor_files(folder)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name not in files:
                raise ShardingError(f"{folder} stores no tensor {name}: this model cannot be split; set `shards` to 1")
            with safe_open(files[name], framework="pt") as stored:
                tensor = stored.get_slice(name)
                shape = tensor.get_shape()
                slices = [
                    slice(None) if part == whole else slice(rank * part, (rank + 1) * part)
                    for part, whole in zip(parameter.shape, shape, strict=True)
                ]
                split = [whole for part, whole in zip(parameter.shape, shape, strict=True) if part != whole]
                if len(split) > 1 or any(whole % shards for whole in split):
                    raise ShardingError(f"the tensor {name} {shape} cannot be split in {shards}; set `shards` to 1")
                parameter.copy_(tensor[tuple(slices)])


def _tensor_files(folder: Path) -> dict[str, Path]:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        weight_map: dict[str, str] = json.loads(index.read_bytes())["weight_map"]
        return {name: folder / file for name, file in weight_map.items()}
    path = folder / "model.safetensors"
    with safe_open(path, framework="pt") as stored:
        return dict.fromkeys(stored.keys(), path)


def _refuse_other_attention(config: Any, sequence_limit: int) -> None:
    """Refuse models whose attention is not plain causal attention over the whole sequence."""
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    window = getattr(config, "sliding_window", None)
    if "sliding_attention" in kinds and window and window >= sequence_limit:
        kinds.discard("sliding_attention")
    if getattr(config, "attn_logit_softcapping", None):
        kinds.add("soft-capped attention")
    if (kinds - {"full_attention"}) or (window and window < sequence_limit and not hasattr(config, "layer_types")):
        raise ModelError(
            f"models of type {config.model_type!r} with {', '.join(sorted(kinds - {'full_attention'})) or 'a window'} "
            "are not served by the embedded engine"
            + (f"; a `max_total_tokens` of {window} or less would do" if window else "")
        )
