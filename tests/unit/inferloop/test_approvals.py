import json
from dataclasses import replace
from pathlib import Path

import pytest

from inferloop.approvals import ApprovalLedger, choose
from inferloop.errors import ApprovalError
from inferloop.planned_changes import ChangeKind, PlannedChange
from inferloop.replacement_guard import GuardedChange

BUCKET = GuardedChange(PlannedChange("urn::x::data", "aws:s3/bucket:Bucket", ChangeKind.DELETE, "data-1"), "bucket")


@pytest.fixture
def ledger(tmp_path: Path) -> ApprovalLedger:
    return ApprovalLedger(tmp_path / "stack" / "approvals.jsonl")


def test_an_approval_is_used_up_and_may_be_given_again(ledger: ApprovalLedger) -> None:
    assert not ledger.covers(BUCKET)
    assert not ledger.any_open()
    ledger.approve(BUCKET, reason="INF-1")
    assert ledger.covers(BUCKET)
    assert ledger.any_open()
    ledger.carry_out(BUCKET)
    assert not ledger.covers(BUCKET)
    assert not ledger.any_open()
    ledger.approve(BUCKET, reason="")
    assert ledger.split([BUCKET]) == ([BUCKET], [])


def test_the_record_is_private_and_only_grows(ledger: ApprovalLedger) -> None:
    ledger.approve(BUCKET, reason="INF-1")
    first = ledger.path.read_bytes()
    ledger.carry_out(BUCKET)
    assert ledger.path.read_bytes().startswith(first)
    assert ledger.path.stat().st_mode & 0o777 == 0o600
    assert ledger.path.parent.stat().st_mode & 0o777 == 0o700
    entry = json.loads(first)
    assert entry["reason"] == "INF-1"
    assert entry["urn"] == "urn::x::data"


def test_a_line_that_was_cut_short_costs_only_itself(ledger: ApprovalLedger) -> None:
    ledger.approve(BUCKET, reason="")
    with ledger.path.open("a") as file:
        file.write('{"event": "carr')
    other = GuardedChange(replace(BUCKET.change, urn="urn::x::other"), "bucket")
    ledger.approve(other, reason="")
    assert ledger.covers(BUCKET)
    assert ledger.covers(other)


def test_lines_that_are_no_records_are_passed_over(ledger: ApprovalLedger) -> None:
    ledger.path.parent.mkdir()
    ledger.path.write_text('[]\n{"event": "approved"}\n\n')
    assert not ledger.any_open()


def test_what_an_approved_replacement_left_behind_needs_no_second_approval(ledger: ApprovalLedger) -> None:
    replaced = GuardedChange(replace(BUCKET.change, kind=ChangeKind.REPLACE), "bucket")
    rest = GuardedChange(replace(BUCKET.change, kind=ChangeKind.FINISH), "bucket")
    assert not ledger.covers(rest)
    ledger.approve(replaced, reason="")
    ledger.carry_out(replaced)
    assert ledger.covers(rest)
    assert not ledger.covers(GuardedChange(replace(rest.change, id="data-2"), "bucket"))


def test_a_resource_is_chosen_by_name_or_urn_and_a_shared_name_is_refused() -> None:
    twin = GuardedChange(replace(BUCKET.change, urn="urn::y::data"), "bucket")
    assert choose([BUCKET, twin], "urn::y::data", stack="s") == twin
    assert choose([BUCKET], "data", stack="s") == BUCKET
    with pytest.raises(ApprovalError, match="2 resources of stack s are called data"):
        choose([BUCKET, twin], "data", stack="s")
    with pytest.raises(ApprovalError, match="nothing to approve; it is about to lose data"):
        choose([BUCKET], "net", stack="s")
    with pytest.raises(ApprovalError, match=r"nothing to approve$"):
        choose([], "net", stack="s")
