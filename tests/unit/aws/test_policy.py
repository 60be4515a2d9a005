import json

import pytest

from components.aws.policy import allow, assumed_by, deny, grant
from components.errors import SettingsError


@pytest.mark.parametrize("action", ["*", "s3:*", "kms:*"])
def test_every_action_of_a_service_is_refused(action: str) -> None:
    with pytest.raises(SettingsError, match=r"statement Wide allows .*; name the actions that are needed"):
        allow("Wide", [action], ["arn:aws:s3:::one"])
    with pytest.raises(SettingsError, match="name the actions"):
        grant("Wide", {"AWS": "arn:aws:iam::1:root"}, [action], ["*"])


def test_a_change_on_every_resource_is_refused_and_a_look_is_not() -> None:
    with pytest.raises(SettingsError, match="s3:PutObject on every resource"):
        allow("Wide", ["s3:PutObject"], ["*"])
    assert allow("Look", ["ec2:DescribeInstances"], ["*"])["Resource"] == ["*"]
    assert "Condition" in allow("Own", ["ec2:CreateTags"], ["*"], condition={"Null": {"x": "false"}})


def test_a_grant_to_everybody_is_refused_and_a_refusal_of_everybody_is_not() -> None:
    with pytest.raises(SettingsError, match="grants to everybody"):
        grant("Open", {"AWS": "*"}, ["s3:GetObject"], ["arn:aws:s3:::one/*"])
    assert deny("Tls", ["s3:*"], ["*"], condition={"Bool": {"aws:SecureTransport": "false"}})["Effect"] == "Deny"


def test_a_services_role_can_be_tied_to_the_account() -> None:
    open_role = json.loads(assumed_by("ec2.amazonaws.com"))["Statement"][0]
    tied = json.loads(assumed_by("s3.amazonaws.com", account_id="1"))["Statement"][0]
    assert open_role["Action"] == ["sts:AssumeRole"]
    assert "Condition" not in open_role
    assert tied["Condition"] == {"StringEquals": {"aws:SourceAccount": "1"}}
