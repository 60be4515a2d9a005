import json
from pathlib import Path
from typing import Any

import pytest
from inferloop_runtime.errors import ModelError
from inferloop_runtime.serving.planner.model_shape import shape_of_folder

from tests.support.model_files import (
    LLAMA_3_8B,
    LLAMA_3_70B,
    SMOLLM2_135M,
    llama_tensors,
    write_model,
    write_safetensors,
)


def test_llama_3_8b_has_the_measures_that_its_authors_give(tmp_path: Path) -> None:
    shape = shape_of_folder(write_model(tmp_path / "llama", LLAMA_3_8B, files=4))
    assert shape.parameters == {"BF16": 8_030_261_248}
    assert shape.stored_bytes == 16_060_522_496
    assert (shape.layers, shape.heads, shape.key_value_heads, shape.head_size) == (32, 32, 8, 128)
    assert (shape.hidden_size, shape.intermediate_size, shape.vocabulary_size) == (4096, 14336, 128256)
    assert not shape.tied_embeddings
    assert shape.degrees == (1, 2, 4, 8)
    assert shape.vocabulary_group.parameters == 2 * 128256 * 4096
    assert shape.replicated_group.parameters == 65 * 4096


def test_llama_3_70b_has_the_measures_that_its_authors_give(tmp_path: Path) -> None:
    shape = shape_of_folder(write_model(tmp_path / "llama", LLAMA_3_70B, files=30))
    assert shape.parameter_count == 70_553_706_496
    assert shape.stored_bytes == 141_107_412_992


def test_smollm2_135m_ties_its_embeddings(tmp_path: Path) -> None:
    shape = shape_of_folder(write_model(tmp_path / "smollm2", SMOLLM2_135M))
    assert shape.parameter_count == 134_515_008
    assert shape.tied_embeddings
    assert shape.vocabulary_group.parameters == 49152 * 576
    assert shape.degrees == (1, 3)


def test_an_output_table_that_is_stored_though_tied_takes_no_memory(tmp_path: Path) -> None:
    tensors = llama_tensors({**SMOLLM2_135M, "tie_word_embeddings": False})
    shape = shape_of_folder(write_model(tmp_path / "smollm2", SMOLLM2_135M, tensors))
    assert shape.tied_embeddings
    assert shape.size_bytes(2) == 2 * 134_515_008
    assert shape.stored_bytes == 2 * (134_515_008 + 49152 * 576)


def test_the_index_alone_is_enough(tmp_path: Path) -> None:
    whole = shape_of_folder(write_model(tmp_path / "llama", LLAMA_3_8B, files=4))
    for path in (tmp_path / "llama").glob("*.safetensors"):
        path.unlink()
    index_path = tmp_path / "llama" / "model.safetensors.index.json"
    index = json.loads(index_path.read_text())
    index["metadata"]["total_size"] = whole.stored_bytes
    index_path.write_text(json.dumps(index))
    alone = shape_of_folder(tmp_path / "llama")
    assert alone.parameter_count == whole.parameter_count
    assert alone.stored_bytes == whole.stored_bytes
    assert alone.vocabulary_group == whole.vocabulary_group


def test_quantised_tensors_keep_their_bytes_and_floats_take_the_serving_dtype(tmp_path: Path) -> None:
    tensors = {
        "model.embed_tokens.weight": ("F16", (100, 8)),
        "model.layers.0.mlp.up_proj.qweight": ("I32", (8, 4)),
        "model.norm.weight": ("F32", (8,)),
    }
    shape = shape_of_folder(write_model(tmp_path / "m", SMOLLM2_135M, tensors))
    assert shape.parameters == {"F16": 800, "F32": 8, "I32": 32}
    assert shape.stored_bytes == 1600 + 32 + 128
    assert shape.size_bytes(2) == 1600 + 16 + 128
    assert shape.size_bytes(4) == 3200 + 32 + 128


def test_older_config_names_and_nested_text_configs_are_read(tmp_path: Path) -> None:
    gpt2 = {"n_layer": 12, "n_head": 12, "n_embd": 768, "n_positions": 1024, "vocab_size": 50257}
    tensors = {"wte.weight": ("F32", (50257, 768)), "h.0.attn.c_attn.weight": ("F32", (768, 2304))}
    shape = shape_of_folder(write_model(tmp_path / "gpt2", gpt2, tensors))
    assert (shape.layers, shape.heads, shape.head_size, shape.max_position_embeddings) == (12, 12, 64, 1024)
    assert shape.intermediate_size == 4 * 768
    nested = shape_of_folder(write_model(tmp_path / "n", {"text_config": LLAMA_3_8B}, llama_tensors(LLAMA_3_8B)))
    assert (nested.layers, nested.degrees) == (32, (1, 2, 4, 8))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({**SMOLLM2_135M, "num_hidden_layers": None}, "no `num_hidden_layers`"),
        ({**SMOLLM2_135M, "vocab_size": "many"}, "no `vocab_size`"),
        ({**SMOLLM2_135M, "kv_lora_rank": 512}, "another cache"),
    ],
)
def test_a_config_that_cannot_be_planned_names_what_is_wrong(
    tmp_path: Path, config: dict[str, Any], message: str
) -> None:
    write_model(tmp_path / "m", config, llama_tensors(SMOLLM2_135M))
    with pytest.raises(ModelError, match=message):
        shape_of_folder(tmp_path / "m")


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read .*config.json"):
        shape_of_folder(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(ModelError, match="does not hold a JSON object"):
        shape_of_folder(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="not valid JSON"):
        shape_of_folder(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(SMOLLM2_135M))
    with pytest.raises(ModelError, match="has no safetensors files"):
        shape_of_folder(tmp_path)
    weights = tmp_path / "model.safetensors"
    for content in (b"", b"\0" * 4, b"\xff" * 16, b"\x02\0\0\0\0\0\0\0[]", b"\x07\0\0\0\0\0\0\0" + b'{"a":1}'):
        weights.write_bytes(content)
        with pytest.raises(ModelError, match="not a safetensors file"):
            shape_of_folder(tmp_path)
    write_safetensors(weights, {})
    with pytest.raises(ModelError, match="has no tensors"):
        shape_of_folder(tmp_path)
    write_safetensors(weights, {"a": ("Q9", (1, 1))})
    with pytest.raises(ModelError, match="unknown dtype Q9"):
        shape_of_folder(tmp_path)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text("{}")
    with pytest.raises(ModelError, match="no `weight_map`"):
        shape_of_folder(tmp_path)
    index.write_text(json.dumps({"weight_map": {"a": "gone.safetensors"}}))
    with pytest.raises(ModelError, match=r"no `metadata.total_size`"):
        shape_of_folder(tmp_path)
    index.write_text(json.dumps({"weight_map": {"a": "gone.safetensors", "b": "model.safetensors"}}))
    with pytest.raises(ModelError, match=r"cannot read .*gone"):
        shape_of_folder(tmp_path)
