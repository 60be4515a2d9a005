"""What the planner must know of a model, from its config and its safetensors headers alone."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inferloop_runtime.errors import ModelError
from inferloop_runtime.serving.planner.degrees import allowed_degrees
from inferloop_runtime.serving.planner.safetensors_header import TensorHeader, read_header

# Bits of one element, by safetensors' dtype names.
_BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F4": 4,
    "I64": 64, "U64": 64, "I32": 32, "U32": 32, "I16": 16, "U16": 16, "I8": 8, "U8": 8, "BOOL": 8,
}  # fmt: skip

# These are converted to the dtype that the model is served in; others are quantised and stay as they are.
_CONVERTED = ("F64", "F32", "F16", "BF16")

_EMBEDDINGS = ("embed_tokens", "wte", "word_embeddings", "embed_in", "tok_embeddings")
_OUTPUTS = ("lm_head", "embed_out", "output")

_CONFIG_DTYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}


@dataclass(frozen=True, slots=True)
class TensorGroup:
    """Tensors that are divided in the same way: elements in the serving dtype, and bytes that keep their own."""

    parameters: int = 0
    fixed_bytes: int = 0

    def size_bytes(self, bytes_per_parameter: int) -> int:
        """Return the size in memory."""
        return self.parameters * bytes_per_parameter + self.fixed_bytes


@dataclass(frozen=True, slots=True)
class ModelShape:
    """A model's measures.

    `layers_group` are the matrices that tensor parallelism splits, `vocabulary_group` the input and output embeddings,
    `replicated_group` the vectors (norms, biases), which every shard holds. `parameters` counts by stored dtype.
    """

    model: str
    layers: int
    heads: int
    key_value_heads: int
    head_size: int
    hidden_size: int
    intermediate_size: int
    vocabulary_size: int
    max_position_embeddings: int
    tied_embeddings: bool
    parameters: Mapping[str, int]
    stored_bytes: int
    layers_group: TensorGroup
    vocabulary_group: TensorGroup
    replicated_group: TensorGroup
    degrees: tuple[int, ...]

    @property
    def stored_dtype(self) -> str:
        """Return the dtype of most parameters, in safetensors' words."""
        return max(self.parameters, key=lambda name: self.parameters[name])

    @property
    def parameter_count(self) -> int:
        """Count all stored elements."""
        return sum(self.parameters.values())

    def size_bytes(self, bytes_per_parameter: int) -> int:
        """Return the size of the whole model in memory."""
        groups = (self.layers_group, self.vocabulary_group, self.replicated_group)
        return sum(group.size_bytes(bytes_per_parameter) for group in groups)


def shape_of_folder(folder: Path) -> ModelShape:
    """Read the shape of a local model.

    Reads `config.json` and the headers of the safetensors files; where only `model.safetensors.index.json` is there,
    its total size does. Raises ModelError that names the missing or damaged file or key.
    """
    config = _read_json(folder / "config.json")
    index_path = folder / "model.safetensors.index.json"
    if index_path.is_file():
        index = _read_json(index_path)
        weight_map = index.get("weight_map")
        if not isinstance(weight_map, dict) or not weight_map:
            raise ModelError(f"{index_path} has no `weight_map`; fetch it again")
        files = sorted({folder / str(name) for name in weight_map.values()})
        if not any(path.exists() for path in files):
            total = index.get("metadata", {}).get("total_size")
            return _shape_of_index(str(folder), config, list(weight_map), total)
    else:
        files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError(f"{folder} has no safetensors files; run `inferloop-runtime weights prepare` to make them")
    return make_shape(str(folder), config, (tensor for path in files for tensor in read_header(path)))


def make_shape(model: str, config: Mapping[str, Any], tensors: Iterable[TensorHeader]) -> ModelShape:
    """Put a shape together from the content of `config.json` and all tensors.

    Raises ModelError where the config lacks a measure, has an attention whose cache is not the usual one, or a tensor
    has an unknown dtype.
    """
    measures = _measures(model, config)
    parameters: Counter[str] = Counter()
    stored_bits = 0
    groups: dict[str, list[int]] = {"layers": [0, 0], "vocabulary": [0, 0], "replicated": [0, 0]}
    has_output = False
    for tensor in tensors:
        bits = _BITS.get(tensor.dtype)
        if bits is None:
            raise ModelError(f"{model}: tensor {tensor.name} has the unknown dtype {tensor.dtype}")
        parameters[tensor.dtype] += tensor.parameters
        stored_bits += tensor.parameters * bits
        role = _role(tensor)
        if role == "output":
            if config.get("tie_word_embeddings") is True:
                continue
            has_output = True
        group = groups["vocabulary" if role in ("embedding", "output") else role]
        if tensor.dtype in _CONVERTED:
            group[0] += tensor.parameters
        else:
            group[1] += tensor.parameters * bits // 8
    if not parameters:
        raise ModelError(f"{model} has no tensors")
    return ModelShape(
        model=model,
        **measures,
        tied_embeddings=not has_output,
        parameters=dict(sorted(parameters.items())),
        stored_bytes=stored_bits // 8,
        layers_group=TensorGroup(*groups["layers"]),
        vocabulary_group=TensorGroup(*groups["vocabulary"]),
        replicated_group=TensorGroup(*groups["replicated"]),
        degrees=allowed_degrees(config),
    )


def _role(tensor: TensorHeader) -> str:
    parts = tensor.name.split(".")
    if len(tensor.shape) < 2:
        return "replicated"
    if any(part in _EMBEDDINGS for part in parts):
        return "embedding"
    # `output` is a whole layer's name in some models, and a part of attention's in others.
    if (len(parts) <= 2 and parts[0] in _OUTPUTS) or "lm_head" in parts:
        return "output"
    return "layers"


def _shape_of_index(model: str, config: Mapping[str, Any], names: list[str], total: Any) -> ModelShape:
    """Estimate the groups from names and the total size: exact but for the vectors, which are a few per mille."""
    text = config.get("text_config", config)
    dtype = _CONFIG_DTYPES.get(str(text.get("dtype") or text.get("torch_dtype") or config.get("dtype")))
    if not isinstance(total, int) or dtype is None:
        raise ModelError(f"{model}: the index has no `metadata.total_size` or the config no float `dtype`")
    measures = _measures(model, config)
    table = (measures["vocabulary_size"], measures["hidden_size"])
    vocabulary = [name for name in names if _role(TensorHeader(name, dtype, table)) in ("embedding", "output")]
    tensors = [TensorHeader(name, dtype, table) for name in vocabulary]
    rest = total * 8 // _BITS[dtype] - sum(tensor.parameters for tensor in tensors)
    return make_shape(model, config, [*tensors, TensorHeader("layers.all.weight", dtype, (max(rest, 0), 1))])


def _measures(model: str, config: Mapping[str, Any]) -> dict[str, int]:
    text = config.get("text_config", config)
    if text.get("kv_lora_rank") or text.get("layers_block_type") or text.get("hybrid_override_pattern"):
        raise ModelError(
            f"{model}: models of type {text.get('model_type')} keep another cache than plain attention's, which this "
            "planner cannot size"
        )

    def number(*names: str) -> int | None:
        for name in names:
            value = text.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
        return None

    def required(*names: str) -> int:
        value = number(*names)
        if value is None:
            raise ModelError(f"{model}: config.json has no `{names[0]}`, which the plan needs")
        return value

    heads = required("num_attention_heads", "n_head", "num_heads")
    hidden = required("hidden_size", "n_embd", "d_model")
    return {
        "layers": required("num_hidden_layers", "n_layer", "num_layers"),
        "heads": heads,
        "key_value_heads": number("num_key_value_heads", "num_kv_heads") or heads,
        "head_size": number("head_dim") or hidden // heads,
        "hidden_size": hidden,
        "intermediate_size": number("intermediate_size", "n_inner", "ffn_dim") or 4 * hidden,
        "vocabulary_size": required("vocab_size"),
        "max_position_embeddings": number("max_position_embeddings", "n_positions", "max_seq_len") or 2048,
    }


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}; is this a model's folder?") from error
    except ValueError as error:
        raise ModelError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} does not hold a JSON object")
    return value
