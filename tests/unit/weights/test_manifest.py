import pytest
from inferloop_runtime.errors import ModelError
from inferloop_runtime.serving.weights.manifest import (
    MANIFEST_NAME,
    DamagedFile,
    build_manifest,
    damaged_files,
    read_manifest,
    write_atomically,
    write_manifest,
)


@pytest.fixture
def folder(tmp_path):
    for name in ("a.json", "b.safetensors", "c.txt"):
        (tmp_path / name).write_text(name)
    write_manifest(tmp_path, build_manifest(tmp_path, ["a.json", "b.safetensors", "c.txt"], source="x", model_id="m"))
    return tmp_path


def test_an_intact_folder_has_no_damaged_files(folder):
    assert damaged_files(folder, read_manifest(folder)) == []


def test_each_kind_of_damage_is_named(folder):
    (folder / "a.json").unlink()
    (folder / "b.safetensors").write_text("longer than before")
    (folder / "c.txt").write_text("c.TXT")
    assert damaged_files(folder, read_manifest(folder)) == [
        DamagedFile(name="a.json", problem="missing"),
        DamagedFile(name="b.safetensors", problem="size"),
        DamagedFile(name="c.txt", problem="digest"),
    ]


def test_the_revision_depends_on_content_and_names_alone(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    for name in ("a.json", "b.safetensors", "c.txt"):
        (other / name).write_text(name)
    names = ["c.txt", "a.json", "b.safetensors"]
    same = build_manifest(other, names, source="elsewhere", model_id="n")
    assert same.revision == read_manifest(folder).revision
    (other / "a.json").write_text("changed")
    assert build_manifest(other, names, source="x", model_id="m").revision != same.revision


def test_a_folder_without_a_manifest_is_refused_with_the_command_that_makes_one(tmp_path):
    with pytest.raises(ModelError, match="weights prepare"):
        read_manifest(tmp_path)


def test_a_manifest_that_is_something_else_is_refused(tmp_path):
    (tmp_path / MANIFEST_NAME).write_text('{"files": 3}')
    with pytest.raises(ModelError, match="not a weights manifest"):
        read_manifest(tmp_path)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "no bytes")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
