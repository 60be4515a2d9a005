import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.model_files import LLAMA_3_8B, write_model
from tests.support.model_hub import running_hub


def plan(address: str, cache: Path, repository: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inferloop_runtime.main", "plan", repository, "--shards", "8", "--json"]
    environment = {**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(cache)}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


def test_a_hub_model_is_planned_from_a_few_kilobytes(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "llama", LLAMA_3_8B, files=2)
    with running_hub("meta/llama", folder) as (address, sent):
        result = plan(address, tmp_path / "cache", "meta/llama")
    assert result.returncode == 0, result.stderr
    output = json.loads(result.stdout)
    assert output["model"] == "meta/llama"
    assert (output["tensor_parallel"], output["allowed_degrees"]) == (8, [1, 2, 4, 8])
    assert output["weights_bytes_per_shard"] > 2_000_000_000
    assert sum(sent) < 1_000_000


def test_a_hub_model_that_does_not_exist_is_told_in_one_line(tmp_path: Path) -> None:
    with running_hub("meta/llama", tmp_path) as (address, _):
        result = plan(address, tmp_path / "cache", "other/model")
    assert result.returncode == 3
    assert "there is no folder other/model, and no such model on the hub" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_hub_that_cannot_be_reached_is_told_at_once(tmp_path: Path) -> None:
    result = plan("http://127.0.0.1:9", tmp_path / "cache", "some/model")
    assert result.returncode == 3
    assert "the hub cannot be reached" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_hub_model_without_safetensors_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA_3_8B))
    with running_hub("meta/old", folder) as (address, _):
        result = plan(address, tmp_path / "cache", "meta/old")
    assert result.returncode == 3
    assert "has no safetensors files" in result.stderr
