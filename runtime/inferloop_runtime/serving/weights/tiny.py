"""A tiny Llama-like model, made in code: real files and a real tokenizer for tests and offline trials."""

from pathlib import Path
from typing import Any

from inferloop_runtime.serving.weights.manifest import write_json

# 9 heads over 3 key/value heads, like the default model, so that it splits in 3 and not in 2.
_CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "dtype": "float32",
    "vocab_size": 258,
    "hidden_size": 72,
    "intermediate_size": 144,
    "num_hidden_layers": 2,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "head_dim": 8,
    "hidden_act": "silu",
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-05,
    "rope_theta": 10000.0,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    "tie_word_embeddings": False,
    "attention_bias": False,
    "mlp_bias": False,
    "bos_token_id": 256,
    "eos_token_id": 257,
}
_SEED = 20_240_229
# Wide enough that the next-token distribution is far from uniform, so sampling and ranking can be tested.
_SPREAD = 0.3


def generate_tiny_model(folder: Path) -> list[str]:
    """Write the tiny model's files into `folder`; return their names.

    The files are the same, byte for byte, on every machine. The tokenizer knows single bytes (ids 0 to 255, in the
    order of the byte-level alphabet), `<s>` (256, put before every prompt) and `</s>` (257); there is no chat template.
    """
    write_json(folder / "config.json", _CONFIG)
    write_json(folder / "generation_config.json", {"bos_token_id": 256, "eos_token_id": 257})
    _write_tokenizer(folder)
    _write_weights(folder / "model.safetensors")
    return ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]


def _write_tokenizer(folder: Path) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

    vocabulary = {symbol: index for index, symbol in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in ("<s>", "</s>")])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 256)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "model_max_length": _CONFIG["max_position_embeddings"],
        "clean_up_tokenization_spaces": False,
    }
    write_json(folder / "tokenizer_config.json", settings)


def _write_weights(path: Path) -> None:
    import numpy as np
    from safetensors.numpy import save

    from inferloop_runtime.serving.weights.manifest import write_atomically

    random = np.random.Generator(np.random.PCG64(_SEED))
    tensors = {
        name: np.ones(shape, dtype=np.float32)
        if len(shape) == 1
        else ((random.random(shape, dtype=np.float32) * 2 - 1) * np.float32(_SPREAD)).astype(np.float32)
        for name, shape in _shapes().items()
    }
    write_atomically(path, save(tensors, metadata={"format": "pt"}))


def _shapes() -> dict[str, tuple[int, ...]]:
    hidden, inner, head = _CONFIG["hidden_size"], _CONFIG["intermediate_size"], _CONFIG["head_dim"]
    queries, keys = _CONFIG["num_attention_heads"] * head, _CONFIG["num_key_value_heads"] * head
    layer = {
        "input_layernorm": (hidden,),
        "self_attn.q_proj": (queries, hidden),
        "self_attn.k_proj": (keys, hidden),
        "self_attn.v_proj": (keys, hidden),
        "self_attn.o_proj": (hidden, queries),
        "post_attention_layernorm": (hidden,),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
    }
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (_CONFIG["vocab_size"], hidden)}
    for index in range(_CONFIG["num_hidden_layers"]):
        shapes |= {f"model.layers.{index}.{name}.weight": shape for name, shape in layer.items()}
    return shapes | {"model.norm.weight": (hidden,), "lm_head.weight": (_CONFIG["vocab_size"], hidden)}
