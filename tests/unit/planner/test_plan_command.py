import json
import subprocess
import sys
from pathlib import Path

import pytest
from inferloop_runtime.errors import ModelError, SettingsError
from inferloop_runtime.serving.planner.host import cpu_has_bfloat16, host_memory_bytes, host_size
from inferloop_runtime.serving.planner.hub_shape import shape_of_model
from inferloop_runtime.serving.planner.plan_size import load_sizes

from tests.support.model_files import LLAMA_3_8B, SMOLLM2_135M, write_model

SIZE = {"name": "small", "instance_type": "g4dn.xlarge", "accelerator": "T4", "count": 1, "memory_bytes": 15 << 30}


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inferloop_runtime.main", "plan", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_hosts_plan_is_compact_json(tmp_path: Path) -> None:
    model = write_model(tmp_path / "smollm2", SMOLLM2_135M)
    result = run(model, "--shards", "3", "--json")
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) == 1
    plan = json.loads(result.stdout)
    assert plan["model"] == str(model)
    assert (plan["tensor_parallel"], plan["allowed_degrees"]) == (3, [1, 3])
    assert plan["kv_bytes_per_token_per_shard"] in (7680, 15360)
    assert run(model, "--shards", "3", "--json").stdout == result.stdout


def test_an_impossible_degree_is_one_line_and_the_models_exit_code(tmp_path: Path) -> None:
    result = run(write_model(tmp_path / "smollm2", SMOLLM2_135M), "--shards", "2")
    assert result.returncode == 3
    assert result.stderr.count("\n") == 1
    assert "possible are 1, 3" in result.stderr


def test_sizes_of_a_file_are_planned_as_text_and_json(tmp_path: Path) -> None:
    model = write_model(tmp_path / "llama", LLAMA_3_8B, files=2)
    sizes = tmp_path / "sizes.json"
    big = {**SIZE, "name": "big", "accelerator": "A100", "count": 8, "memory_bytes": 40 << 30}
    sizes.write_text(json.dumps([SIZE, big]))
    text = run(model, "--sizes", sizes)
    assert "small (g4dn.xlarge, 1 x T4): does not fit: weights and overhead take" in text.stdout
    assert "; big would do" in text.stdout
    assert "in each of 8 replicas" in text.stdout
    plans = json.loads(run(model, "--sizes", sizes, "--json", "--context-tokens", "1000").stdout)
    assert [plan["size"] for plan in plans] == ["small", "big"]
    assert plans[1]["context_tokens"] == 1000
    assert run(model, "--sizes", sizes, "--shards", "3").returncode == 2


def test_a_wrong_sizes_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "sizes.json"
    with pytest.raises(SettingsError, match="cannot read sizes file"):
        load_sizes(path)
    path.write_text("[]")
    with pytest.raises(SettingsError, match="empty list"):
        load_sizes(path)
    path.write_text(json.dumps([{**SIZE, "count": 0}]))
    with pytest.raises(SettingsError, match=r"0\.count: Input should be greater than 0"):
        load_sizes(path)


def test_a_model_that_is_not_there_is_told_plainly(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no model folder"):
        shape_of_model(str(tmp_path / "nothing"))
    with pytest.raises(ModelError, match="neither a model folder nor a hub id"):
        shape_of_model("bad..name")


def test_the_hosts_memory_is_bounded_by_its_control_group(tmp_path: Path) -> None:
    whole = host_memory_bytes(tmp_path / "missing")
    limit = tmp_path / "memory.max"
    limit.write_text("max\n")
    assert host_memory_bytes(limit) == whole
    limit.write_text("1048576\n")
    assert host_memory_bytes(limit) == 1 << 20
    assert host_size(3).count == 3


def test_bfloat16_is_found_as_torch_finds_it(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    assert cpu_has_bfloat16() == torch.ops.mkldnn._is_mkldnn_bf16_supported()
    assert not cpu_has_bfloat16(tmp_path / "missing")
    (tmp_path / "arm").write_text("processor : 0\nFeatures : fp asimd bf16\n")
    assert cpu_has_bfloat16(tmp_path / "arm")
    (tmp_path / "old").write_text("flags : sse avx2\n")
    assert not cpu_has_bfloat16(tmp_path / "old")
