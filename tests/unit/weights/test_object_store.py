import itertools
import json
import os
import signal
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest
from inferloop_runtime.errors import ModelError
from inferloop_runtime.serving.weights import object_fetch, ranged_download
from inferloop_runtime.serving.weights.manifest import build_manifest, damaged_files, read_manifest, write_manifest
from inferloop_runtime.serving.weights.object_store import ObjectStore
from inferloop_runtime.serving.weights.preparation import prepare_model
from inferloop_runtime.serving.weights.progress import Progress
from inferloop_runtime.serving.weights.publication import mirror_model, publish_model

from tests.support.object_store import (
    BUCKET,
    client_of,
    environment_of,
    objects_of,
    refuse_the_unauthorised,
    running_object_store,
)

_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def endpoint():
    with running_object_store() as address:
        yield address


@pytest.fixture(autouse=True)
def reached(endpoint, monkeypatch):
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for name, value in environment_of(endpoint).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def uri():
    return f"s3://{BUCKET}/test-{next(_NUMBERS)}/tiny"


@pytest.fixture
def prepared(cache, tmp_path):
    prepare_model("tiny", tmp_path / "prepared")
    return tmp_path / "prepared"


@pytest.fixture
def large(tmp_path):
    """A folder with one file of 20 parts of 64 KiB and a bit, and its manifest."""
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(os.urandom(20 * 65536 + 17))
    manifest = build_manifest(folder, ["model.safetensors"], source="made", model_id="large")
    write_manifest(folder, manifest)
    return folder


def prefix_of(uri):
    return uri.removeprefix(f"s3://{BUCKET}/")


def fetched_ranges(monkeypatch):
    ranges = []
    read = ObjectStore.read

    def watched(self, name, start, end):
        ranges.append((name, start, end))
        return read(self, name, start, end)

    monkeypatch.setattr(ObjectStore, "read", watched)
    return ranges


def test_a_published_model_is_fetched_as_it_was(prepared, uri, tmp_path):
    published = publish_model(prepared, uri)
    assert sorted(published.written) == sorted(published.manifest.files)
    result = prepare_model(uri, tmp_path / "models" / "tiny")
    assert result.manifest.revision == read_manifest(prepared).revision
    assert result.manifest.source == uri
    assert damaged_files(tmp_path / "models" / "tiny", result.manifest) == []
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["tiny"]
    assert {path.name for path in (tmp_path / "models" / "tiny").iterdir()} == {
        "inferloop-weights.json",
        *result.manifest.files,
    }


def test_the_manifest_is_published_after_every_file(prepared, uri, endpoint, monkeypatch):
    monkeypatch.setattr(ObjectStore, "write_manifest", lambda self, manifest: None)
    publish_model(prepared, uri)
    assert "inferloop-weights.json" not in objects_of(endpoint, prefix_of(uri))
    with pytest.raises(ModelError, match=r"holds no inferloop-weights\.json.*weights publish FOLDER --to"):
        prepare_model(uri, prepared.parent / "other")


def test_publishing_again_writes_only_what_is_not_there(prepared, uri, endpoint):
    publish_model(prepared, uri)
    before = objects_of(endpoint, prefix_of(uri))
    assert publish_model(prepared, uri).written == []
    assert objects_of(endpoint, prefix_of(uri)) == before
    client_of(endpoint).delete_object(Bucket=BUCKET, Key=f"{prefix_of(uri)}/config.json")
    assert publish_model(prepared, uri).written == ["config.json"]


def test_another_models_place_is_taken_only_when_that_is_asked_for(prepared, large, uri):
    publish_model(prepared, uri)
    with pytest.raises(ModelError, match=r"holds tiny at sha256:.*publish it elsewhere, or with --replace"):
        publish_model(large, uri)
    publish_model(large, uri, replace=True)
    assert ObjectStore(uri).manifest().model_id == "large"


def test_a_damaged_folder_is_not_published(prepared, uri, endpoint):
    (prepared / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"damaged \(config\.json\) and is not published"):
        publish_model(prepared, uri)
    assert objects_of(endpoint, prefix_of(uri)) == {}


def test_a_folder_that_is_as_it_should_be_fetches_nothing(prepared, uri, tmp_path, monkeypatch):
    publish_model(prepared, uri)
    prepare_model(uri, tmp_path / "model")
    ranges = fetched_ranges(monkeypatch)
    assert prepare_model(uri, tmp_path / "model").written == []
    (tmp_path / "model" / "config.json").write_text("{}")
    assert prepare_model(uri, tmp_path / "model").written == ["config.json"]
    assert {name for name, _, _ in ranges} == {"config.json"}
    assert not (tmp_path / ".model.fetch").exists()


def test_a_large_file_is_fetched_in_parts(large, uri, tmp_path, monkeypatch):
    publish_model(large, uri)
    ranges = fetched_ranges(monkeypatch)
    monkeypatch.setattr(ranged_download.download_files, "__kwdefaults__", {"part_bytes": 65536})
    object_fetch.fetch_model(uri, tmp_path / "model", Progress())
    assert sorted((start, end) for _, start, end in ranges) == [
        *((65536 * part, 65536 * (part + 1)) for part in range(20)),
        (20 * 65536, 20 * 65536 + 17),
    ]
    content = (tmp_path / "model" / "model.safetensors").read_bytes()
    assert content == (large / "model.safetensors").read_bytes()


def test_a_large_file_is_published_in_parts(uri, endpoint, tmp_path, monkeypatch):
    monkeypatch.setattr("inferloop_runtime.serving.weights.object_store._UPLOAD_PART_BYTES", 5 * 2**20)
    (tmp_path / "model.safetensors").write_bytes(bytes(11 * 2**20))
    write_manifest(tmp_path, build_manifest(tmp_path, ["model.safetensors"], source="made", model_id="large"))
    publish_model(tmp_path, uri)
    _, _, etag = objects_of(endpoint, prefix_of(uri))["model.safetensors"]
    assert etag.endswith('-3"')
    assert publish_model(tmp_path, uri).written == []


def test_a_killed_download_goes_on_where_it_ended(large, uri, tmp_path, monkeypatch):
    publish_model(large, uri)
    program = """
        import os, signal, sys
        from pathlib import Path
        from inferloop_runtime.serving.weights import object_fetch, ranged_download
        from inferloop_runtime.serving.weights.progress import Progress

        ranged_download.download_files.__kwdefaults__ = {"part_bytes": 65536}
        note, noted = ranged_download._PartialFile.note, []

        def die_after_seven(self, part):
            note(self, part)
            noted.append(part)
            if len(noted) == 7:
                os.kill(os.getpid(), signal.SIGKILL)

        ranged_download._PartialFile.note = die_after_seven
        object_fetch.fetch_model(sys.argv[1], Path(sys.argv[2]), Progress())
    """
    command = [sys.executable, "-c", textwrap.dedent(program), uri, str(tmp_path / "model")]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "model").exists()
    ranges = fetched_ranges(monkeypatch)
    monkeypatch.setattr(ranged_download.download_files, "__kwdefaults__", {"part_bytes": 65536})
    object_fetch.fetch_model(uri, tmp_path / "model", Progress())
    # Seven parts were noted; a thread may have written one more than it noted.
    assert 13 <= len(ranges) <= 14
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == (large / "model.safetensors").read_bytes()
    assert not (tmp_path / ".model.fetch").exists()


def test_what_an_earlier_model_left_half_fetched_is_not_mixed_in(large, uri, tmp_path, monkeypatch):
    monkeypatch.setattr(ranged_download.download_files, "__kwdefaults__", {"part_bytes": 65536})
    publish_model(large, uri)
    staging = tmp_path / ".model.fetch"
    staging.mkdir()
    (staging / "other.safetensors").write_bytes(b"another model's")
    entry = ObjectStore(uri).manifest().files["model.safetensors"]
    (staging / "model.safetensors").write_bytes(bytes(entry.size))
    header = {"sha256": entry.sha256, "size": entry.size, "part_bytes": 65536}
    (staging / ".model.safetensors.parts").write_text(f"{json.dumps(header)}\n3\n5\n")
    object_fetch.fetch_model(uri, tmp_path / "model", Progress())
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == (large / "model.safetensors").read_bytes()
    assert not (tmp_path / "model" / "other.safetensors").exists()


def test_a_connection_that_breaks_is_made_again(large, uri, tmp_path, monkeypatch):
    publish_model(large, uri)
    monkeypatch.setattr(ranged_download, "_FIRST_PAUSE_S", 0.01)
    read, breaks = ObjectStore.read, iter([True, True, False])

    def broken(self, name, start, end):
        for piece in read(self, name, start, end):
            yield piece[:1000]
            if next(breaks, False):
                raise ConnectionError("reset")
            yield piece[1000:]

    monkeypatch.setattr(ObjectStore, "read", broken)
    object_fetch.fetch_model(uri, tmp_path / "model", Progress())
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == (large / "model.safetensors").read_bytes()


def test_a_connection_that_keeps_breaking_is_given_up_and_what_came_is_kept(large, uri, tmp_path, monkeypatch):
    publish_model(large, uri)
    monkeypatch.setattr(ranged_download, "_FIRST_PAUSE_S", 0.001)

    def broken(self, name, start, end):
        raise ConnectionError("reset")
        yield b""

    monkeypatch.setattr(ObjectStore, "read", broken)
    with pytest.raises(ModelError, match=r"broke 5 times \(reset\); run the command again, which goes on"):
        object_fetch.fetch_model(uri, tmp_path / "model", Progress())
    assert (tmp_path / ".model.fetch").is_dir()


def test_a_file_that_is_not_what_the_manifest_says_is_refused(prepared, uri, endpoint, tmp_path):
    publish_model(prepared, uri)
    key = f"{prefix_of(uri)}/config.json"
    size = ObjectStore(uri).manifest().files["config.json"].size
    client_of(endpoint).put_object(Bucket=BUCKET, Key=key, Body=b"x" * size)
    with pytest.raises(ModelError, match=r"config\.json is not what its manifest says; publish the model again"):
        prepare_model(uri, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_manifest_cannot_lead_out_of_the_folder(prepared, uri, endpoint, tmp_path):
    publish_model(prepared, uri)
    manifest = json.loads(read_manifest(prepared).model_dump_json())
    manifest["files"]["../../escaped"] = {"sha256": "0" * 64, "size": 1}
    key = f"{prefix_of(uri)}/inferloop-weights.json"
    client_of(endpoint).put_object(Bucket=BUCKET, Key=key, Body=json.dumps(manifest).encode())
    with pytest.raises(ModelError, match=r"names '\.\./\.\./escaped', which is no plain file name"):
        prepare_model(uri, tmp_path / "model")
    client_of(endpoint).put_object(Bucket=BUCKET, Key=key, Body=b"{}")
    with pytest.raises(ModelError, match=r"is not a weights manifest; publish the model again with --replace"):
        prepare_model(uri, tmp_path / "model")


def test_a_disk_that_is_too_small_is_said_before_anything_is_fetched(large, uri, tmp_path, monkeypatch):
    publish_model(large, uri)
    ranges = fetched_ranges(monkeypatch)
    monkeypatch.setattr(ranged_download.shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(ModelError, match=r"has 0\.0 GB free, and 0\.0 GB of s3://.* are still to be fetched"):
        object_fetch.fetch_model(uri, tmp_path / "model", Progress())
    assert ranges == []


@pytest.mark.parametrize("uri", ["s3://", "s3://models", "s3://models/", "s3:///x"])
def test_an_address_that_names_no_model_is_refused(uri, tmp_path):
    with pytest.raises(ModelError, match="write it like s3://bucket/models/name"):
        prepare_model(uri, tmp_path / "model")


def test_a_bucket_that_is_not_there_is_named(tmp_path, prepared):
    with pytest.raises(ModelError, match=r"there is no bucket nowhere-at-all for s3://nowhere-at-all/x"):
        prepare_model("s3://nowhere-at-all/x", tmp_path / "model")
    with pytest.raises(ModelError, match=r"there is no bucket nowhere-at-all"):
        publish_model(prepared, "s3://nowhere-at-all/x")


def test_whoever_may_not_read_or_write_is_told_which_right_is_missing(prepared, tmp_path, monkeypatch):
    with running_object_store() as private:
        for name, value in environment_of(private).items():
            monkeypatch.setenv(name, value)
        publish_model(prepared, f"s3://{BUCKET}/tiny")
        for name, value in refuse_the_unauthorised(private).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(ModelError, match=r"may not be read \(AccessDenied\).*s3:GetObject on it, and kms:Decrypt"):
            prepare_model(f"s3://{BUCKET}/tiny", tmp_path / "model")
        store = ObjectStore(f"s3://{BUCKET}/tiny")
        with pytest.raises(ModelError, match=r"may not be written .*s3:PutObject on it, and kms:GenerateDataKey"):
            store.upload(prepared / "config.json", "config.json", read_manifest(prepared).files["config.json"])
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "unknown-to-the-store")
        with pytest.raises(ModelError, match="does not accept this machine's credentials"):
            prepare_model(f"s3://{BUCKET}/tiny", tmp_path / "model")


def test_a_machine_without_credentials_is_told_how_it_gets_some(tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(ModelError, match=r"no credentials for s3://models/x.*give the pod's service account"):
        prepare_model("s3://models/x", tmp_path / "model")


def test_a_store_that_is_not_there_is_named_with_the_settings_that_lead_to_it(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(ModelError, match=r"cannot be reached for s3://models/x.*AWS_ENDPOINT_URL"):
        prepare_model("s3://models/x", tmp_path / "model")


def test_a_machine_without_the_client_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ModelError, match=r"install inferloop-runtime\[s3\]"):
        prepare_model("s3://models/x", tmp_path / "model")


def test_the_client_is_loaded_only_where_it_is_used():
    code = "import sys; import inferloop_runtime.serving.weights.preparation; print('boto3' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.strip() == "False"


def test_a_model_is_mirrored_once_and_its_scratch_is_left_empty(cache, uri, endpoint, tmp_path):
    mirrored = mirror_model("tiny", uri, tmp_path / "scratch")
    assert len(mirrored.written) == 5
    assert ObjectStore(uri).manifest().source == "tiny"
    assert list((tmp_path / "scratch").iterdir()) == []
    before = objects_of(endpoint, prefix_of(uri))
    assert mirror_model("tiny", uri, tmp_path / "none").written == []
    assert (objects_of(endpoint, prefix_of(uri)), (tmp_path / "none").exists()) == (before, False)


def test_a_mirror_that_lost_a_file_is_made_whole(cache, uri, endpoint, tmp_path):
    mirror_model("tiny", uri, tmp_path / "scratch")
    client_of(endpoint).delete_object(Bucket=BUCKET, Key=f"{prefix_of(uri)}/config.json")
    assert mirror_model("tiny", uri, tmp_path / "scratch").written == ["config.json"]


def test_a_mirror_of_another_source_is_refused_before_anything_is_fetched(prepared, uri, tmp_path):
    publish_model(prepared, uri)
    with pytest.raises(ModelError, match=r"holds the model of tiny, not of owner/name@main; mirror to another place"):
        mirror_model("owner/name@main", uri, tmp_path / "scratch")


def test_the_command_mirrors(cache, uri, tmp_path):
    command = [sys.executable, "-c", "from inferloop_runtime.main import main; main()", "weights", "mirror"]
    more = ["--source", "tiny", "--to", uri, "--scratch", str(tmp_path / "scratch")]
    result = subprocess.run([*command, *more], capture_output=True, text=True, timeout=120, check=False)
    assert (result.returncode, result.stdout) == (0, f"{uri}: tiny, 5 files written\n")
    result = subprocess.run([*command, *more, "--json"], capture_output=True, text=True, timeout=120, check=False)
    assert json.loads(result.stdout)["written"] == []


def test_the_command_publishes_and_prepares(prepared, uri, tmp_path):
    code = "from inferloop_runtime.main import main; main()"

    def weights(*arguments):
        command = [sys.executable, "-c", code, "weights", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    published = weights("publish", prepared, "--to", uri)
    assert (published.returncode, published.stderr) == (0, "")
    assert published.stdout == f"{uri}: tiny, 5 files written\n"
    assert json.loads(weights("publish", prepared, "--to", uri, "--json").stdout)["written"] == []
    assert weights("prepare", "--source", uri, "--to", tmp_path / "model").returncode == 0
    assert weights("verify", tmp_path / "model").returncode == 0
