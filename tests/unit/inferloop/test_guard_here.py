import json

import pytest

from tests.unit.inferloop.conftest import SmallProject

pytestmark = pytest.mark.engine


def test_what_is_protected_here_is_lost_only_by_approval(small_project: SmallProject) -> None:
    assert small_project.run("up").returncode == 0
    program = small_project.checkout / "stacks" / "__main__.py"
    program.write_text(program.read_text().replace('("data", "first", "second")', '("first", "second")'))
    refused = small_project.run("up")
    assert refused.returncode == 4
    assert "because it is protected" in refused.stderr
    assert "approve dev NAME" in refused.stderr
    assert (small_project.stack_dir / "data").exists()

    seen = json.loads(small_project.run("preview", "--json").stdout)
    assert [(item["name"], item["kind"], item["approved"]) for item in seen["guarded"]] == [("data", "delete", False)]
    approved = small_project.run("approve", "dev", "data", "--reason", "not needed")
    assert approved.returncode == 0, approved.stderr
    done = small_project.run("up")
    assert done.returncode == 0, done.stderr
    assert "approved: data" in done.stderr
    assert not (small_project.stack_dir / "data").exists()
    record = small_project.home / "dev" / "approvals.jsonl"
    assert [json.loads(line)["event"] for line in record.read_text().splitlines()] == ["approved", "carried out"]
    assert small_project.run("down", "--yes").returncode == 0
    assert not small_project.stack_dir.exists()


def test_a_preview_of_a_stack_that_is_not_up_makes_nothing_of_it(small_project: SmallProject) -> None:
    seen = small_project.run("preview")
    assert seen.returncode == 0, seen.stderr
    assert "3 resources would change" in seen.stdout
    assert "created" not in seen.stderr
    assert not (small_project.stack_dir / "first").exists()
    small_project.run("up")
    assert "nothing would change" in small_project.run("preview").stdout
    small_project.run("down", "--yes")
