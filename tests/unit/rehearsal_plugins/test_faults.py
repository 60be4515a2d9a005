from pathlib import Path

import pytest

from components.errors import SettingsError
from stacks.rehearsal.plugins.faults import Fault, FaultKind, FaultPlan

BUCKET = "aws:s3/bucket:Bucket"


def test_only_the_named_call_of_the_named_operation_goes_wrong(tmp_path: Path) -> None:
    plan = FaultPlan([Fault.parse(f"create:{BUCKET}:2:throttle")], tmp_path / "calls.json")
    assert plan.next_call("create", "aws:ec2/vpc:Vpc") is None
    assert plan.next_call("update", BUCKET) is None
    answers = [plan.next_call("create", BUCKET) for _ in range(3)]
    assert answers == [None, FaultKind.THROTTLE, None]


def test_calls_are_counted_over_processes(tmp_path: Path) -> None:
    faults = [Fault.parse(f"delete:{BUCKET}:2")]
    assert FaultPlan(faults, tmp_path / "calls.json").next_call("delete", BUCKET) is None
    assert FaultPlan(faults, tmp_path / "calls.json").next_call("delete", BUCKET) is FaultKind.FAIL


@pytest.mark.parametrize("text", ["create:x", "create:x:0", "make:x:1", "create:x:1:explode", ""])
def test_a_fault_that_cannot_be_read_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SettingsError, match="for example create:aws:rds"):
        Fault.parse(text)


def test_a_fault_is_written_as_it_is_read() -> None:
    assert Fault.parse(str(Fault.parse(f"read:{BUCKET}:3"))) == Fault("read", BUCKET, 3)


def test_faults_without_a_place_to_count_are_refused() -> None:
    with pytest.raises(SettingsError):
        FaultPlan([Fault.parse(f"read:{BUCKET}:1")], None)
