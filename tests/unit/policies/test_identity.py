import json
from typing import Any

import pytest

from stacks.policies.resource import UNKNOWN
from tests.support.policies import broken, findings, resource

WILDCARDS, EVERYBODY = "no-star-action-on-star-resource", "no-grant-to-everybody"


def document(**statement: Any) -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:x", **statement}]})


@pytest.mark.parametrize(
    "statement",
    [
        {"Action": "*", "Resource": "*"},
        {"Action": ["s3:Get*", "s3:*"], "Resource": ["*"]},
        {"Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}},
        {"NotAction": "iam:*", "Resource": "*"},
        {"NotResource": "arn:x"},
    ],
)
def test_a_statement_that_allows_everything_is_found(statement: dict[str, Any]) -> None:
    policy = resource("iam/rolePolicy:RolePolicy", policy=document(**statement))
    assert broken(WILDCARDS, policy) == [("it", "policy.Statement[0]")]


@pytest.mark.parametrize(
    "statement",
    [
        {"Action": "s3:*"},
        {"Action": "ec2:DescribeInstances", "Resource": "*"},
        {"Action": "*", "Resource": "*", "Effect": "Deny"},
    ],
)
def test_a_statement_that_is_bounded_is_none(statement: dict[str, Any]) -> None:
    assert broken(WILDCARDS, resource("iam/policy:Policy", policy=document(**statement))) == []


def test_a_statement_is_named_by_its_sid() -> None:
    policy = resource("iam/userPolicy:UserPolicy", policy=document(Sid="All", Action="*", Resource="*"))
    assert broken(WILDCARDS, policy) == [("it", "policy.Statement[All]")]


def test_inline_policies_and_administrators_of_a_role_are_found() -> None:
    wide = {"name": "wide", "policy": document(Action="*", Resource="*")}
    administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
    role = resource("iam/role:Role", inlinePolicies=[UNKNOWN, wide], managedPolicyArns=[administrator])
    assert broken(WILDCARDS, role) == [("it", "inlinePolicies[1].policy.Statement[0]"), ("it", "managedPolicyArns")]
    attached = resource("iam/rolePolicyAttachment:RolePolicyAttachment", policyArn=administrator)
    assert broken(WILDCARDS, attached) == [("it", "policyArn")]
    viewer = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    assert broken(WILDCARDS, resource("iam/rolePolicyAttachment:RolePolicyAttachment", policyArn=viewer)) == []


@pytest.mark.parametrize("text", [UNKNOWN, None, "no json", "[]", '{"Statement": "odd"}'])
def test_what_is_unknown_or_no_policy_is_left_to_the_cloud(text: Any) -> None:
    assert broken(WILDCARDS, resource("iam/policy:Policy", policy=text)) == []
    assert broken(EVERYBODY, resource("sns/topicPolicy:TopicPolicy", policy=text)) == []


@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"AWS": ["arn:aws:iam::1:root", "*"]}])
def test_a_resources_policy_that_lets_everybody_in_is_found(principal: Any) -> None:
    topic = resource("sns/topicPolicy:TopicPolicy", policy=document(Principal=principal))
    assert broken(EVERYBODY, topic) == [("it", "policy.Statement[0]")]
    role = resource("iam/role:Role", assumeRolePolicy=document(Principal=principal))
    assert broken(EVERYBODY, role) == [("it", "assumeRolePolicy.Statement[0]")]


@pytest.mark.parametrize(
    "statement",
    [
        {"Principal": "*", "Effect": "Deny"},
        {"Principal": {"Service": "sns.amazonaws.com"}},
        {"Principal": "*", "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}}},
    ],
)
def test_a_resources_policy_that_names_who_is_none(statement: dict[str, Any]) -> None:
    assert broken(EVERYBODY, resource("s3/bucketPolicy:BucketPolicy", policy=document(**statement))) == []


def test_a_long_lived_credential_is_found_by_being_there() -> None:
    (found,) = findings("no-long-lived-credentials", resource("iam/accessKey:AccessKey", "key", user="u"))
    assert str(found) == (
        "urn:pulumi:t::checked::aws:iam/accessKey:AccessKey::key: type: is a credential that does not expire. Fix: let "
        "people sign in by SSO, pods by Pod Identity (components/aws/workload_identity.py) and others by OIDC"
    )


def test_a_cluster_role_that_may_do_everything_is_found() -> None:
    kind = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"
    rules = [{"verbs": ["get"], "resources": ["*"]}, {"verbs": ["*"], "resources": ["*"]}, UNKNOWN]
    assert broken("no-star-verb-in-cluster-roles", resource(kind, rules=rules)) == [("it", "rules[1]")]
