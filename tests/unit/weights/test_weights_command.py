import json
import subprocess
import sys

import pytest

from tests.support.tiny_model import tiny_model


def weights(*arguments):
    code = "import sys; from inferloop_runtime.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "weights", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def model(cache, tmp_path):
    result = weights("prepare", "--source", "tiny", "--to", tmp_path / "model")
    assert (result.returncode, result.stderr) == (0, "")
    return tmp_path / "model"


def test_a_prepared_folder_verifies(model):
    result = weights("verify", model)
    assert result.returncode == 0
    assert "5 files of tiny" in result.stdout


def test_each_damaged_file_is_named_with_exit_code_3_and_the_command_that_mends(model):
    (model / "config.json").write_text("{}")
    (model / "tokenizer.json").unlink()
    result = weights("verify", model)
    assert result.returncode == 3
    assert "config.json (size), tokenizer.json (missing)" in result.stderr
    assert f"weights prepare --source tiny --to {model}" in result.stderr


def test_reports_as_json_are_for_programs(model):
    prepared = json.loads(weights("prepare", "--source", tiny_model(), "--to", model, "--json").stdout)
    assert prepared["manifest"]["source"] == str(tiny_model())
    (model / "config.json").write_text("{}")
    result = weights("verify", model, "--json")
    assert json.loads(result.stdout)["damaged"] == [{"name": "config.json", "problem": "size"}]
    assert result.returncode == 3
