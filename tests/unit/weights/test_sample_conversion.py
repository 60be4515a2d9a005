import json

import numpy as np
import pytest
from inferloop_runtime.errors import ModelError
from inferloop_runtime.serving.tokenizer import load_tokenizer
from inferloop_runtime.serving.weights.gguf_conversion import convert_gguf
from inferloop_runtime.serving.weights.progress import Progress
from safetensors import safe_open


def test_the_sample_is_a_complete_llama_with_tied_embeddings(sample_model):
    config = json.loads((sample_model / "config.json").read_bytes())
    assert (config["num_attention_heads"], config["num_key_value_heads"]) == (9, 3)
    assert (config["head_dim"], config["rms_norm_eps"], config["tie_word_embeddings"]) == (64, 1e-05, True)
    with safe_open(sample_model / "model.safetensors", framework="np") as tensors:
        assert len(tensors.keys()) == 9 * config["num_hidden_layers"] + 2
        assert tensors.get_slice("model.layers.29.mlp.down_proj.weight").get_shape() == [576, 1536]


def test_the_sample_answers_a_question(sample_model):
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    tokenizer = load_tokenizer(sample_model)
    prompt = tokenizer.encode(tokenizer.render_chat([{"role": "user", "content": "What is the capital of France?"}]))
    model = AutoModelForCausalLM.from_pretrained(sample_model)
    ids = torch.tensor([prompt])
    output = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=9, do_sample=False)
    assert tokenizer.decode(output[0, len(prompt) :].tolist()) == "The capital of France is Paris."


def test_the_tokenizer_is_the_one_that_transformers_loads(sample_model):
    from transformers import AutoTokenizer

    ours, theirs = load_tokenizer(sample_model), AutoTokenizer.from_pretrained(sample_model)
    text = "Hello world 2024, été 你好 🙂\n\n\tx = 1<|im_end|>"
    assert ours.encode(text) == theirs.encode(text)
    assert ours.decode(ours.encode(text)) == theirs.decode(theirs.encode(text), skip_special_tokens=True)
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    assert ours.render_chat(messages) == theirs.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True
    )


def test_a_file_that_is_no_gguf_is_refused(tmp_path):
    (tmp_path / "x.gguf").write_bytes(b"not GGUF at all, but long enough to be read as a header")
    with pytest.raises(ModelError, match="not a readable GGUF"):
        convert_gguf(tmp_path / "x.gguf", tmp_path, Progress())


def write_gguf(path, architecture, tensor):
    import gguf

    writer = gguf.GGUFWriter(path, architecture)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["a", "b", "<s>"])
    writer.add_token_types([1, 1, 3])
    writer.add_token_merges([])
    writer.add_bos_token_id(2)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_embedding_length(8)
    writer.add_feed_forward_length(16)
    writer.add_block_count(1)
    writer.add_context_length(32)
    writer.add_layer_norm_rms_eps(1e-5)
    name, values = tensor
    writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_another_architecture_is_refused_by_name(tmp_path):
    write_gguf(tmp_path / "x.gguf", "gemma", ("output.weight", np.zeros((3, 8), dtype=np.float32)))
    with pytest.raises(ModelError, match="'gemma'"):
        convert_gguf(tmp_path / "x.gguf", tmp_path, Progress())


def test_a_tensor_without_a_place_is_refused_by_name(tmp_path):
    write_gguf(tmp_path / "x.gguf", "llama", ("blk.0.strange.weight", np.zeros((3, 8), dtype=np.float32)))
    with pytest.raises(ModelError, match=r"blk\.0\.strange\.weight"):
        convert_gguf(tmp_path / "x.gguf", tmp_path, Progress())


def test_rotary_rows_go_back_to_half_split_order_and_values_round_to_bfloat16(tmp_path):
    rows = np.repeat(np.arange(8, dtype=np.float32)[:, None], 8, axis=1) + np.float32(1 / 1024)
    write_gguf(tmp_path / "x.gguf", "llama", ("blk.0.attn_q.weight", rows))
    convert_gguf(tmp_path / "x.gguf", tmp_path, Progress())
    raw = (tmp_path / "model.safetensors").read_bytes()
    values = (np.frombuffer(raw[-8 * 8 * 2 :], dtype=np.uint16).astype(np.uint32) << 16).view(np.float32)
    column = values.reshape(8, 8)[:, 0]
    assert column[0] == np.float32(1 / 1024)
    assert column[1:].tolist() == [2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]
