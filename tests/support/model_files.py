"""Model folders without weights: configs of known models and safetensors headers whose data is a hole in the file."""

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LLAMA_3_8B: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
LLAMA_3_70B: dict[str, Any] = {
    **LLAMA_3_8B,
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
}
SMOLLM2_135M: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "vocab_size": 49152,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": True,
    "dtype": "bfloat16",
}

Tensors = dict[str, tuple[str, tuple[int, ...]]]


def llama_tensors(config: Mapping[str, Any], dtype: str = "BF16") -> Tensors:
    """Return the tensors that a Llama model of this config has."""
    hidden, inner, vocabulary = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    head = config.get("head_dim") or hidden // config["num_attention_heads"]
    queries, keys = head * config["num_attention_heads"], head * config["num_key_value_heads"]
    tensors: Tensors = {"model.embed_tokens.weight": (dtype, (vocabulary, hidden))}
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}"
        tensors |= {
            f"{prefix}.self_attn.q_proj.weight": (dtype, (queries, hidden)),
            f"{prefix}.self_attn.k_proj.weight": (dtype, (keys, hidden)),
            f"{prefix}.self_attn.v_proj.weight": (dtype, (keys, hidden)),
            f"{prefix}.self_attn.o_proj.weight": (dtype, (hidden, queries)),
            f"{prefix}.mlp.gate_proj.weight": (dtype, (inner, hidden)),
            f"{prefix}.mlp.up_proj.weight": (dtype, (inner, hidden)),
            f"{prefix}.mlp.down_proj.weight": (dtype, (hidden, inner)),
            f"{prefix}.input_layernorm.weight": (dtype, (hidden,)),
            f"{prefix}.post_attention_layernorm.weight": (dtype, (hidden,)),
        }
    tensors["model.norm.weight"] = (dtype, (hidden,))
    if not config["tie_word_embeddings"]:
        tensors["lm_head.weight"] = (dtype, (vocabulary, hidden))
    return tensors


def write_safetensors(path: Path, tensors: Tensors) -> None:
    """Write a file with the right header and no data on the disk."""
    sizes = {"F32": 4, "BF16": 2, "F16": 2, "I32": 4, "U8": 1}
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, (dtype, shape) in tensors.items():
        end = offset + math.prod(shape) * sizes.get(dtype, 1)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + offset)


def write_model(folder: Path, config: Mapping[str, Any], tensors: Tensors | None = None, *, files: int = 1) -> Path:
    """Write a model folder, in one file or several with their index."""
    tensors = llama_tensors(config) if tensors is None else tensors
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    if files == 1:
        write_safetensors(folder / "model.safetensors", tensors)
        return folder
    weight_map: dict[str, str] = {}
    for number in range(files):
        name = f"model-{number + 1:05}-of-{files:05}.safetensors"
        part = {key: tensors[key] for key in list(tensors)[number::files]}
        write_safetensors(folder / name, part)
        weight_map |= dict.fromkeys(part, name)
    total = sum((folder / name).stat().st_size for name in set(weight_map.values()))
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder
