from typing import Any

import pytest

from inferloop.planned_changes import Cause, ChangeKind, PlanReader

URN = "urn:pulumi:s::inferloop::inferloop:aws:Network$aws:ec2/vpc:Vpc::net"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "[secret]"}
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def event(operation: str, *, urn: str = URN, old: Any = None, new: Any = None, **more: Any) -> dict[str, Any]:
    metadata = {"op": operation, "urn": urn, "type": "aws:ec2/vpc:Vpc", "old": old, "new": new, **more}
    return {"resourcePreEvent": {"metadata": metadata}}


def resource(inputs: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"custom": True, "inputs": inputs or {}, **more}


def read(*events: dict[str, Any]) -> Any:
    reader = PlanReader()
    for item in events:
        reader.observe(item)
    (change,) = reader.changes()
    return change


def test_a_replacement_is_one_change_with_the_properties_that_force_it() -> None:
    old = resource({"cidr": "10.0.0.0/16", "tags": {"a": "b"}}, id="vpc-1", protect=True, retainOnDelete=True)
    new = resource({"cidr": "10.1.0.0/16", "tags": {"a": "c"}})
    detailed = {"cidr": {"diffKind": "update-replace", "inputDiff": True}, "tags.a": {"diffKind": "update"}}
    change = read(
        event("create-replacement", old=old, new=new, keys=["cidr"], detailedDiff=detailed),
        event("replace", old=old, new=new, keys=["cidr"], detailedDiff=detailed),
        event("delete-replaced", old=old),
    )
    assert change.kind is ChangeKind.REPLACE
    assert change.causes == (Cause("cidr", '"10.0.0.0/16"', '"10.1.0.0/16"'),)
    assert (change.name, change.id, change.protected, change.retained) == ("net", "vpc-1", True, True)


@pytest.mark.parametrize(
    ("operation", "kind"),
    [("create", "create"), ("update", "update"), ("delete", "delete"), ("delete-replaced", "finish")],
)
def test_other_steps_are_what_they_are_called(operation: str, kind: str) -> None:
    assert read(event(operation, old=resource(id="x"), new=None)).kind == kind


@pytest.mark.parametrize("operation", ["same", "refresh", "read", "read-discard"])
def test_steps_that_change_nothing_of_ours_are_no_changes(operation: str) -> None:
    reader = PlanReader()
    reader.observe(event(operation, old=resource(id="x")))
    assert reader.changes() == []


def test_groups_and_providers_are_no_changes() -> None:
    reader = PlanReader()
    reader.observe(event("create", new={"custom": False}))
    provider = event("replace", new=resource())
    provider["resourcePreEvent"]["metadata"]["type"] = "pulumi:providers:aws"
    reader.observe(provider)
    reader.observe({"diagnosticEvent": {"message": "x"}})
    assert reader.changes() == []


def test_causes_are_found_in_lists_and_under_quoted_keys_and_secrets_are_masked() -> None:
    old = resource({"rules": [{"ports": {"a.b": 1}}], "password": SECRET, "nested": {"deep": [SECRET]}})
    new = resource({"rules": [{"ports": {"a.b": 2}}], "password": SECRET, "nested": {"deep": [SECRET, UNKNOWN]}})
    paths = ['rules[0].ports["a.b"]', "password", "nested"]
    detailed = {path: {"diffKind": "update-replace", "inputDiff": True} for path in paths}
    change = read(event("replace", old=old, new=new, detailedDiff=detailed))
    assert [str(cause) for cause in change.causes] == [
        'nested: {"deep": ["[secret]"]} -> {"deep": ["[secret]", "(known later)"]}',
        'password: "[secret]" -> "[secret]"',
        'rules[0].ports["a.b"]: 1 -> 2',
    ]


def test_without_details_the_keys_are_the_causes_and_what_is_not_known_yet_says_so() -> None:
    old = resource({"vpcId": "vpc-1"}, provider="urn::aws::one", outputs={"zone": "a"})
    new = resource({"vpcId": UNKNOWN}, provider="urn::aws::two")
    change = read(event("replace", old=old, new=new, keys=["vpcId", "provider", "zone"]))
    assert [str(cause) for cause in change.causes] == [
        'provider: "urn::aws::one" -> "urn::aws::two"',
        'vpcId: "vpc-1" -> known only when it is made',
        "zone: none -> none",
    ]


def test_a_computed_property_is_compared_with_what_the_thing_has() -> None:
    detailed = {"zone": {"diffKind": "update-replace", "inputDiff": False}}
    old = resource({}, outputs={"zone": "a"})
    change = read(event("replace", old=old, new=resource({"zone": "b"}), keys=["zone"], detailedDiff=detailed))
    assert change.causes == (Cause("zone", '"a"', '"b"'),)


def test_a_long_value_is_cut() -> None:
    change = read(event("replace", old=resource({"p": "x" * 500}), new=resource({"p": "y"}), keys=["p"]))
    assert change.causes[0].before.endswith("…")
    assert len(change.causes[0].before) < 120
