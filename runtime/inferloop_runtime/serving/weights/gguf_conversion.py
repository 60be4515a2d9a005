"""Turn a Llama model in GGUF into the files that transformers loads: safetensors, config and tokenizer."""

import json
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inferloop_runtime.errors import ModelError
from inferloop_runtime.serving.weights.manifest import write_json
from inferloop_runtime.serving.weights.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Tensor names of llama.cpp's "llama" architecture and of transformers' LlamaForCausalLM (gguf.constants.TENSOR_NAMES).
_OUTER_NAMES = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
# llama.cpp's token type of control tokens (gguf.constants.TokenType.CONTROL).
_CONTROL_TOKEN = 3
_BFLOAT16_BYTES = 2
# The header is padded with spaces to this many bytes (https://github.com/huggingface/safetensors#format).
_SAFETENSORS_ALIGNMENT = 8


def convert_gguf(gguf_file: Path, folder: Path, progress: Progress) -> list[str]:
    """Write config, tokenizer and bfloat16 safetensors of `gguf_file` into `folder`; return the files' names.

    Weights are de-quantised tensor by tensor with numpy, without building a model. Queries and keys go back from
    llama.cpp's interleaved rotary order to transformers' half-split order.
    Raises ModelError where the file is unreadable or is no Llama model with a byte-level BPE tokenizer.
    """
    try:
        import gguf
    except ImportError as error:
        raise ModelError(
            "converting GGUF weights needs the package `gguf`: install inferloop-runtime[samples]"
        ) from error
    try:
        reader = gguf.GGUFReader(gguf_file)
    except (OSError, ValueError, IndexError) as error:
        raise ModelError(
            f"{gguf_file} is not a readable GGUF file ({error}); reinstall the package it came in"
        ) from error
    fields: dict[str, Any] = {name: field.contents() for name, field in reader.fields.items()}
    if fields.get("general.architecture") != "llama" or fields.get("tokenizer.ggml.model") != "gpt2":
        raise ModelError(
            f"{gguf_file} holds a {fields.get('general.architecture')!r} model with a "
            f"{fields.get('tokenizer.ggml.model')!r} tokenizer; only 'llama' with 'gpt2' (byte-level BPE) is converted"
        )
    tied = all(tensor.name != "output.weight" for tensor in reader.tensors)
    config = _model_config(fields, tied=tied)
    write_json(folder / "config.json", config)
    write_json(folder / "generation_config.json", _generation_config(fields))
    _write_tokenizer(fields, folder)
    _write_weights(reader.tensors, config, folder / "model.safetensors", progress)
    return ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]


def _model_config(fields: dict[str, Any], *, tied: bool) -> dict[str, Any]:
    heads = fields["llama.attention.head_count"]
    hidden = fields["llama.embedding_length"]
    theta = fields.get("llama.rope.freq_base", 10000.0)
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "bfloat16",
        "vocab_size": len(fields["tokenizer.ggml.tokens"]),
        "hidden_size": hidden,
        "intermediate_size": fields["llama.feed_forward_length"],
        "num_hidden_layers": fields["llama.block_count"],
        "num_attention_heads": heads,
        "num_key_value_heads": fields.get("llama.attention.head_count_kv", heads),
        "head_dim": fields.get("llama.rope.dimension_count", hidden // heads),
        "hidden_act": "silu",
        "max_position_embeddings": fields["llama.context_length"],
        # float32 keeps 1e-05 as 9.99999974e-06; the decimal is what the model was trained with.
        "rms_norm_eps": float(f"{fields['llama.attention.layer_norm_rms_epsilon']:.6g}"),
        "rope_theta": theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": theta},
        "tie_word_embeddings": tied,
        "attention_bias": False,
        "mlp_bias": False,
        **_generation_config(fields),
    }


def _generation_config(fields: dict[str, Any]) -> dict[str, Any]:
    ids = {"bos_token_id": "bos", "eos_token_id": "eos", "pad_token_id": "padding"}
    keys = {name: f"tokenizer.ggml.{key}_token_id" for name, key in ids.items()}
    return {name: fields[key] for name, key in keys.items() if key in fields}


def _write_tokenizer(fields: dict[str, Any], folder: Path) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokens: list[str] = fields["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ", 1)) for merge in fields.get("tokenizer.ggml.merges") or []]
    tokenizer = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=merges))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    splits_digits = fields.get("tokenizer.ggml.pre") in {"smollm", "refact", "command-r", "starcoder"}
    tokenizer.pre_tokenizer = (
        pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level])
        if splits_digits
        else byte_level
    )
    tokenizer.decoder = decoders.ByteLevel()
    kinds: list[int] = fields["tokenizer.ggml.token_type"]
    control = [token for token, kind in zip(tokens, kinds, strict=True) if kind == _CONTROL_TOKEN]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    tokenizer.save(str(folder / "tokenizer.json"))

    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": fields["llama.context_length"],
        "clean_up_tokenization_spaces": False,
        "additional_special_tokens": control,
    }
    for name in ("bos", "eos", "unknown", "padding"):
        identifier = fields.get(f"tokenizer.ggml.{name}_token_id")
        if identifier is not None:
            settings[{"unknown": "unk", "padding": "pad"}.get(name, name) + "_token"] = tokens[identifier]
    if template := fields.get("tokenizer.chat_template"):
        settings["chat_template"] = template
    write_json(folder / "tokenizer_config.json", settings)


def _write_weights(tensors: list[Any], config: dict[str, Any], path: Path, progress: Progress) -> None:
    """Stream the tensors into one safetensors file (its header needs only names and sizes), one at a time in memory."""
    from gguf.quants import dequantize

    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    total = 0
    for tensor in tensors:
        size = int(tensor.n_elements) * _BFLOAT16_BYTES
        header[_transformers_name(tensor.name)] = {
            "dtype": "BF16",
            "shape": [int(length) for length in reversed(tensor.shape)],
            "data_offsets": [total, total + size],
        }
        total += size
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % _SAFETENSORS_ALIGNMENT)
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(encoded)) + encoded)
        written = 0
        for tensor in tensors:
            values = dequantize(tensor.data, tensor.tensor_type)
            if ".attn_q." in tensor.name:
                values = _to_half_split(values, config["num_attention_heads"])
            elif ".attn_k." in tensor.name:
                values = _to_half_split(values, config["num_key_value_heads"])
            written += stream.write(_to_bfloat16_bits(values).data)
            progress.step("de-quantising weights", written, total)
        stream.flush()
        os.fsync(stream.fileno())


def _transformers_name(name: str) -> str:
    if name in _OUTER_NAMES:
        return _OUTER_NAMES[name]
    parts = name.split(".")
    if len(parts) == 4 and parts[0] == "blk" and parts[2] in _LAYER_NAMES:
        return f"model.layers.{parts[1]}.{_LAYER_NAMES[parts[2]]}.{parts[3]}"
    raise ModelError(f"GGUF tensor {name!r} has no place in a Llama model; this file cannot be converted")


def _to_half_split(values: "NDArray[np.float32]", heads: int) -> "NDArray[np.float32]":
    """Undo llama.cpp's permutation of rotary pairs (convert_hf_to_gguf.py, LlamaModel.permute)."""
    half = values.shape[0] // heads // 2
    return values.reshape(heads, half, 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def _to_bfloat16_bits(values: "NDArray[np.float32]") -> "NDArray[np.uint16]":
    """Round float32 to bfloat16, to nearest with ties to even, as its 16 bits."""
    import numpy as np

    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    rounded = bits + (((bits >> 16) & 1) + np.uint32(0x7FFF))
    return np.ascontiguousarray((rounded >> 16).astype(np.uint16))
