import json
import multiprocessing
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from stacks.rehearsal.aws import schema
from stacks.rehearsal.aws.schema_file import SchemaFile

SUBNET = "aws:ec2/subnet:Subnet"


def add_many(path: Path, prefix: str) -> None:
    for number in range(200):
        SchemaFile(path).add(f"{prefix}{number}", {"required": [prefix] * 50})


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "schemas.jsonl"


def test_a_schema_that_was_kept_is_read_without_the_sdk(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_of_sdk = schema.type_schema(SUBNET)
    monkeypatch.setattr(schema, "_file", SchemaFile(None))
    schema.keep_schemas_in(kept)
    assert schema.type_schema(SUBNET) == read_of_sdk
    # What the file says, and not the SDK, is what the next process believes.
    kept.write_text(kept.read_text().replace('"cidrBlock"', '"cidrOfTheFile"'))
    schema.keep_schemas_in(kept)
    assert {"cidrOfTheFile"} <= set(schema.type_schema(SUBNET).inputs)
    monkeypatch.undo()
    schema.type_schema.cache_clear()
    schema.object_schema.cache_clear()


def test_threads_that_ask_for_types_at_once_find_all_of_them() -> None:
    program = textwrap.dedent(
        """
        from concurrent.futures import ThreadPoolExecutor
        from stacks.rehearsal.aws.schema import type_schema
        names = ("ec2/vpc:Vpc", "ec2/subnet:Subnet", "ec2/routeTable:RouteTable", "iam/role:Role", "s3/bucket:Bucket")
        with ThreadPoolExecutor(len(names)) as pool:
            print(sum(bool(schema.inputs) for schema in pool.map(type_schema, [f"aws:{name}" for name in names])))
        """
    )
    # A new interpreter, for the SDK imports a service once.
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "5\n", done.stderr


def test_lines_that_were_cut_off_or_are_no_schema_are_read_from_the_sdk_again(kept: Path) -> None:
    SchemaFile(kept).add("a", {"required": ["x"]})
    with kept.open("a", encoding="utf-8") as file:
        file.write('\n[1]\n{"name": "half", "schema": {"requ')
    SchemaFile(kept).add("b", {"required": ["y"]})
    again = SchemaFile(kept)
    assert (again.get("a"), again.get("b")) == ({"required": ["x"]}, {"required": ["y"]})
    assert again.get("half") is None


def test_several_processes_keep_schemas_in_one_file_at_once(kept: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=add_many, args=(kept, prefix)) for prefix in "xy"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    known = SchemaFile(kept)
    assert all(
        known.get(f"{prefix}{number}") == {"required": [prefix] * 50} for prefix in "xy" for number in range(200)
    )
    assert all(json.loads(line) for line in kept.read_text().splitlines() if line)


def test_a_file_that_cannot_be_written_or_read_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    below = SchemaFile(tmp_path / "file" / "schemas.jsonl")
    below.add("a", {"required": []})
    assert below.get("a") == {"required": []}
