"""The firewall's resources are made without the SDK's module of them, and are what that module would make."""

from typing import Any

import pytest

from components.aws.account import Account
from components.aws.edge import Edge, EdgeArgs
from components.aws.firewall import WebAclAssociation
from stacks.rehearsal.aws.schema import type_schema
from stacks.rehearsal.aws.validation import invalid_properties
from tests.support.aws_account import Deployment, deploy
from tests.support.aws_wiring import key_of

TOKENS = (
    "aws:wafv2/webAcl:WebAcl",
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
    "aws:wafv2/webAclAssociation:WebAclAssociation",
)


def whole(value: Any) -> Any:
    """Undo what the wire does to whole numbers."""
    if isinstance(value, dict):
        return {key: whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@pytest.fixture(scope="module")
def made() -> Deployment:
    def build(platform: Account) -> Any:
        edge = Edge("edge", EdgeArgs(domain="models.example.test"), platform=platform, log_key=key_of()).edge
        opts = platform.options(platform)
        WebAclAssociation("filter", web_acl=edge.firewall, resource="arn:aws:elasticloadbalancing:x", opts=opts)
        return edge

    return deploy(build)


@pytest.mark.parametrize("token", TOKENS)
def test_every_input_is_one_that_the_sdk_knows_and_none_is_missing(made: Deployment, token: str) -> None:
    inputs = made.one(token.removeprefix("aws:")).inputs
    assert invalid_properties(type_schema(token), whole(inputs)) == []


def test_an_input_that_the_sdk_does_not_know_would_be_noticed(made: Deployment) -> None:
    inputs = {**made.one("wafv2/webAcl:WebAcl").inputs, "rulez": []}
    assert [it.path for it in invalid_properties(type_schema(TOKENS[0]), whole(inputs))] == ["rulez"]
