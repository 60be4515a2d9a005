import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from inferloop_runtime.errors import ModelError, ShardingError
from inferloop_runtime.serving.embedded.shard_loading import load_shard
from inferloop_runtime.serving.weights.preparation import prepare_model
from safetensors import safe_open

from tests.support import shard_probe
from tests.support.tiny_model import tiny_model

CPU = torch.device("cpu")


def run_shards(model, shards, output, dtype="float32"):
    output.mkdir()
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                shard_probe.__file__,
                str(rank),
                str(shards),
                str(model),
                str(output / "store"),
                str(output),
                dtype,
            ],
            env=environment,
            stderr=subprocess.PIPE,
        )
        for rank in range(shards)
    ]
    for process in processes:
        error = process.communicate(timeout=200)[1]
        assert process.returncode == 0, error.decode()
    return [json.loads((output / f"rank-{rank}.json").read_bytes()) for rank in range(shards)]


def whole_logits(model, dtype=torch.float32):
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    reference = AutoModelForCausalLM.from_pretrained(model, dtype=dtype).eval()
    with torch.inference_mode():
        return reference(torch.tensor([[*shard_probe.PROMPT, 5]])).logits[0]


@pytest.fixture(scope="module", params=["tiny", "sample:smollm2-135m-instruct"])
def three_shards(request, tmp_path_factory):
    root: Path = tmp_path_factory.mktemp("shards")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        prepare_model(request.param, root / "model")
    reports = run_shards(root / "model", 3, root / "output")
    return root / "model", reports, torch.load(root / "output" / "logits.pt")


def test_three_shards_compute_the_logits_of_the_whole_model(three_shards, tmp_path):
    """In double precision, so that only the split itself could make a difference, not the order of a sum."""
    model, _, _ = three_shards
    run_shards(model, 3, tmp_path / "double", "float64")
    logits = torch.load(tmp_path / "double" / "logits.pt")
    assert float((logits - whole_logits(model, torch.float64)).abs().max()) <= 1e-5


def test_in_single_precision_the_logits_differ_by_rounding_alone(three_shards):
    model, _, logits = three_shards
    difference = float((logits - whole_logits(model)).abs().max())
    assert difference <= 1e-5 * float(logits.abs().max())


def test_each_process_holds_a_third_of_every_split_tensor(three_shards):
    model, reports, _ = three_shards
    with safe_open(model / "model.safetensors", framework="pt") as stored:
        for name in stored.keys():  # noqa: SIM118 - an open file is no mapping
            shape = stored.get_slice(name).get_shape()
            for rank, report in enumerate(reports):
                held = report["shapes"][name]
                if len(shape) == 1:
                    assert held == shape
                    continue
                axis = 1 if name.endswith(("o_proj.weight", "down_proj.weight")) else 0
                third = shape[axis] // 3
                assert held == [size // 3 if index == axis else size for index, size in enumerate(shape)]
                own = [slice(None), slice(None)]
                own[axis] = slice(rank * third, (rank + 1) * third)
                part = stored.get_slice(name)[tuple(own)]
                assert report["sums"][name] == pytest.approx(float(part.double().sum()), abs=1e-9)


def test_the_shards_together_hold_the_model_once(three_shards):
    model, reports, _ = three_shards
    with safe_open(model / "model.safetensors", framework="pt") as stored:
        elements = sum(stored.get_tensor(name).numel() for name in stored.keys())  # noqa: SIM118
    for report in reports:
        assert report["parameter_bytes"] == pytest.approx(4 * elements / 3, rel=0.01)


def load_tiny(model, **changes):
    options = {"rank": 0, "shards": 1, "dtype": torch.float32, "device": CPU, "sequence_limit": 64}
    return load_shard(model, **(options | changes))


def changed_tiny(folder, **changes):
    prepare_model(str(tiny_model()), folder)
    config = json.loads((folder / "config.json").read_bytes()) | changes
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_degree_that_does_not_divide_the_heads_is_refused():
    with pytest.raises(ShardingError, match="one of 1, 3"):
        load_tiny(tiny_model(), shards=2)


def test_a_vocabulary_that_cannot_be_split_is_held_whole(tmp_path):
    model = changed_tiny(tmp_path / "model")
    reference = run_shards(model, 1, tmp_path / "one")[0]
    _widen_vocabulary(model, 259)
    reports = run_shards(model, 3, tmp_path / "three")
    assert [report["shapes"]["lm_head.weight"] for report in reports] == [[259, 72]] * 3
    ours, theirs = (torch.load(tmp_path / name / "logits.pt") for name in ("three", "one"))
    assert reference["shapes"]["lm_head.weight"] == [258, 72]
    assert float((ours[:, :258] - theirs).abs().max()) <= 1e-4


def _widen_vocabulary(model, size):
    from safetensors.torch import load_file, save_file

    tensors = load_file(model / "model.safetensors")
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        tensors[name] = torch.cat([tensors[name], torch.zeros(size - tensors[name].shape[0], 72)])
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((model / "config.json").read_bytes()) | {"vocab_size": size}
    (model / "config.json").write_text(json.dumps(config))


def test_weights_in_several_files_are_found_by_their_index(tmp_path):
    from safetensors.torch import load_file, save_file

    model = changed_tiny(tmp_path / "model")
    tensors = load_file(model / "model.safetensors")
    (model / "model.safetensors").unlink()
    names = sorted(tensors)
    parts = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for file, held in parts.items():
        save_file({name: tensors[name] for name in held}, model / file, metadata={"format": "pt"})
    weight_map = {name: file for file, held in parts.items() for name in held}
    (model / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    run_shards(model, 3, tmp_path / "split")
    assert float((torch.load(tmp_path / "split" / "logits.pt") - whole_logits(tiny_model())).abs().max()) <= 1e-4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": 32},
            "`max_total_tokens` of 32",
        ),
        ({"model_type": "no-such-model"}, "cannot be used"),
    ],
)
def test_a_model_that_the_engine_cannot_serve_is_refused(tmp_path, changes, message):
    with pytest.raises(ModelError, match=message):
        load_tiny(changed_tiny(tmp_path / "model", **changes))


def test_a_window_that_no_sequence_outgrows_is_accepted(tmp_path):
    changes = {"model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": 64}
    load_tiny(changed_tiny(tmp_path / "model", **changes))


def test_a_model_whose_weights_are_damaged_is_refused(tmp_path):
    model = changed_tiny(tmp_path / "model")
    (model / "model.safetensors").write_bytes(b"damage")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_tiny(model)


def test_weights_that_lack_a_tensor_are_refused_by_its_name(tmp_path):
    from safetensors.torch import load_file, save_file

    model = changed_tiny(tmp_path / "model")
    tensors = load_file(model / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lack model\.norm\.weight"):
        load_tiny(model)
