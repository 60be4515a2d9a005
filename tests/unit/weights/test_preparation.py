import json
import os
import signal
import subprocess
import sys
import time

import pytest
from inferloop_runtime.errors import ModelError
from inferloop_runtime.serving.weights.manifest import MANIFEST_NAME, damaged_files, read_manifest
from inferloop_runtime.serving.weights.preparation import prepare_model

from tests.support.tiny_model import tiny_model

FILES = ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]


def test_the_tiny_model_is_the_same_bytes_every_time(cache, tmp_path):
    first = prepare_model("tiny", tmp_path / "one")
    assert first.written == FILES
    assert first.manifest == read_manifest(tiny_model())


def test_preparing_again_writes_nothing(cache, tmp_path):
    prepare_model("tiny", tmp_path / "model")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "model").iterdir()}
    assert prepare_model("tiny", tmp_path / "model").written == []
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "model").iterdir()} == before


def test_exactly_the_damaged_files_are_mended(cache, tmp_path):
    folder = tmp_path / "model"
    prepare_model("tiny", folder)
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").unlink()
    assert prepare_model("tiny", folder).written == ["config.json", "tokenizer.json"]
    assert damaged_files(folder, read_manifest(folder)) == []


def test_damage_to_a_copy_does_not_reach_the_cache_or_other_copies(cache, tmp_path):
    prepare_model("tiny", tmp_path / "one")
    prepare_model("tiny", tmp_path / "two")
    with (tmp_path / "one" / "model.safetensors").open("r+b") as stream:
        stream.write(b"damage")
    assert damaged_files(tmp_path / "two", read_manifest(tmp_path / "two")) == []
    assert prepare_model("tiny", tmp_path / "one").written == ["model.safetensors"]


@pytest.mark.parametrize("damage", ["content", "manifest"])
def test_a_damaged_cache_entry_is_made_again(cache, tmp_path, damage, capsys):
    prepare_model("tiny", tmp_path / "one")
    (entry,) = cache.iterdir()
    (entry / ("model.safetensors" if damage == "content" else MANIFEST_NAME)).write_bytes(b"damage")
    prepare_model("tiny", tmp_path / "two")
    assert damaged_files(entry, read_manifest(entry)) == []
    assert damaged_files(tmp_path / "two", read_manifest(tmp_path / "two")) == []
    assert "made again" in capsys.readouterr().err


def test_a_folder_of_other_things_is_left_alone(cache, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("precious")
    with pytest.raises(ModelError, match="thesis"):
        prepare_model("tiny", tmp_path / "home")
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["thesis.tex"]


def test_an_empty_folder_is_filled(cache, tmp_path):
    (tmp_path / "model").mkdir()
    assert prepare_model("tiny", tmp_path / "model").written == FILES


def test_another_source_replaces_the_model_and_removes_what_it_left(cache, tmp_path):
    origin = tmp_path / "origin"
    prepare_model("tiny", origin)
    (origin / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    prepare_model(str(origin), tmp_path / "model")
    assert (tmp_path / "model" / "chat_template.jinja").exists()
    prepared = prepare_model("tiny", tmp_path / "model")
    assert not (tmp_path / "model" / "chat_template.jinja").exists()
    assert read_manifest(tmp_path / "model") == prepared.manifest


def test_a_folder_with_an_unreadable_manifest_is_mended(cache, tmp_path):
    prepare_model("tiny", tmp_path / "model")
    (tmp_path / "model" / MANIFEST_NAME).write_text("[]")
    prepare_model("tiny", tmp_path / "model")
    assert damaged_files(tmp_path / "model", read_manifest(tmp_path / "model")) == []


def test_a_local_folder_is_copied_without_what_serving_does_not_need(cache, tmp_path):
    origin = tmp_path / "my-model"
    prepare_model("tiny", origin)
    (origin / "pytorch_model.bin").write_bytes(b"pickle")
    prepared = prepare_model(str(origin), tmp_path / "model")
    assert (prepared.manifest.model_id, prepared.manifest.source) == ("my-model", str(origin))
    assert sorted(prepared.manifest.files) == FILES


def test_a_local_folder_can_be_its_own_target(cache, tmp_path):
    origin = tmp_path / "model"
    prepare_model("tiny", origin)
    (origin / MANIFEST_NAME).unlink()
    assert prepare_model(str(origin), origin).written == []
    assert read_manifest(origin).model_id == "model"


def test_a_local_folder_that_lacks_files_is_refused_with_their_names(cache, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"lacks tokenizer.json, \*.safetensors"):
        prepare_model(str(tmp_path / "broken"), tmp_path / "model")


def test_a_tokenizer_that_loses_text_is_refused(cache, tmp_path):
    origin = tmp_path / "origin"
    prepare_model("tiny", origin)
    content = json.loads((origin / "tokenizer.json").read_bytes())
    content["normalizer"] = {"type": "Lowercase"}
    (origin / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match="does not give text back"):
        prepare_model(str(origin), tmp_path / "model")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("sample:gpt-9", "no known sample"),
        ("./nowhere", "does not exist"),
        ("not/a/hub/id", "hub id of the form"),
    ],
)
def test_a_source_that_is_nothing_is_refused_with_what_it_could_be(cache, tmp_path, source, message):
    with pytest.raises(ModelError, match=message):
        prepare_model(source, tmp_path / "model")


def test_a_cache_that_cannot_be_made_is_refused_with_the_variable_that_moves_it(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="XDG_CACHE_HOME"):
        prepare_model("tiny", tmp_path / "model")


def test_a_target_that_cannot_be_made_is_refused(cache, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="cannot be written"):
        prepare_model("tiny", tmp_path / "file" / "model")


def prepare_process(folder):
    code = (
        "import pathlib, sys; from inferloop_runtime.serving.weights.preparation import prepare_model;"
        "prepare_model('tiny', pathlib.Path(sys.argv[1]))"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(folder)], stderr=subprocess.PIPE)


def test_two_preparations_at_once_both_succeed(cache, tmp_path):
    processes = [prepare_process(tmp_path / name) for name in ("one", "one", "two")]
    assert [(process.communicate(timeout=60)[1], process.returncode)[1] for process in processes] == [0, 0, 0]
    for name in ("one", "two"):
        assert damaged_files(tmp_path / name, read_manifest(tmp_path / name)) == []
    assert len([path for path in cache.iterdir() if not path.name.startswith(".")]) == 1


@pytest.mark.faults
def test_a_preparation_killed_at_any_moment_is_completed_by_the_next(cache, tmp_path):
    for delay_s in (0.15, 0.25, 0.35, 0.45):
        process = prepare_process(tmp_path / "model")
        time.sleep(delay_s)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        if (tmp_path / "model").exists():
            assert damaged_files(tmp_path / "model", read_manifest(tmp_path / "model")) == []
    prepare_model("tiny", tmp_path / "model")
    assert [path for path in (*tmp_path.iterdir(), *cache.iterdir()) if "partial" in path.name] == []
    assert len(list(cache.iterdir())) == 1
