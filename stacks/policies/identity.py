"""Who may do what: access policies, long-lived credentials and roles inside clusters."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from stacks.policies.controls import Control
from stacks.policies.policy import ALWAYS, Policy, Severity
from stacks.policies.resource import UNKNOWN, Finding, Options, Resource, as_list, finding

# Property of each type that holds a policy of an identity: what it may do.
_IDENTITY_POLICIES: Mapping[str, str] = {
    "aws:iam/groupPolicy:GroupPolicy": "policy",
    "aws:iam/policy:Policy": "policy",
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:iam/userPolicy:UserPolicy": "policy",
    "aws:ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy": "inlinePolicy",
}
# Property of each type that holds a resource's own policy: whom it lets in.
_RESOURCE_POLICIES: Mapping[str, str] = {
    "aws:backup/vaultPolicy:VaultPolicy": "policy",
    "aws:ecr/repositoryPolicy:RepositoryPolicy": "policy",
    "aws:iam/role:Role": "assumeRolePolicy",
    "aws:kms/key:Key": "policy",
    "aws:kms/keyPolicy:KeyPolicy": "policy",
    "aws:s3/bucket:Bucket": "policy",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:secretsmanager/secret:Secret": "policy",
    "aws:secretsmanager/secretPolicy:SecretPolicy": "policy",
    "aws:sns/topic:Topic": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:sqs/queue:Queue": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
}
_ATTACHMENTS = (
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
)
_ADMINISTRATOR = ":policy/AdministratorAccess"
_LONG_LIVED = frozenset(
    {
        "aws:iam/accessKey:AccessKey",
        "aws:iam/serviceSpecificCredential:ServiceSpecificCredential",
        "aws:iam/userLoginProfile:UserLoginProfile",
    }
)
_CLUSTER_ROLES = frozenset(f"kubernetes:rbac.authorization.k8s.io/v1:{kind}" for kind in ("ClusterRole", "Role"))


def statements_of(text: Any) -> list[Mapping[str, Any]]:
    """Return the statements of a policy document, given as JSON; none where it is unknown or is no document."""
    document = text
    if isinstance(text, str):
        try:
            document = json.loads(text)
        except ValueError:
            return []
    if not isinstance(document, Mapping):
        return []
    return [it for it in as_list(document.get("Statement")) if isinstance(it, Mapping)]


def everybody_in(statement: Mapping[str, Any]) -> bool:
    """Tell whether a statement's principal is everybody."""
    principal = statement.get("Principal")
    if isinstance(principal, Mapping):
        return any("*" in as_list(named) for named in principal.values())
    return bool(principal == "*")


def _check_wildcards(resource: Resource, _options: Options) -> Iterator[Finding]:
    documents = {}
    if resource.type in _IDENTITY_POLICIES:
        path = _IDENTITY_POLICIES[resource.type]
        documents[path] = resource.get(path)
    for index, inline in enumerate(as_list(resource.get("inlinePolicies"))):
        if isinstance(inline, Mapping):
            documents[f"inlinePolicies[{index}].policy"] = inline.get("policy")
    for path, document in documents.items():
        for number, statement in enumerate(statements_of(document)):
            if problem := _too_wide(statement):
                named = statement.get("Sid") or number
                yield finding(
                    resource,
                    f"{path}.Statement[{named}]",
                    problem,
                    "name the actions and the resources that are needed (components/aws/policy.py: allow)",
                )
    attached = resource.get("policyArn") if resource.type in _ATTACHMENTS else None
    managed = [attached, *as_list(resource.get("managedPolicyArns"))]
    if any(isinstance(arn, str) and arn.endswith(_ADMINISTRATOR) for arn in managed):
        path = "policyArn" if attached else "managedPolicyArns"
        yield finding(
            resource,
            path,
            "AdministratorAccess allows every action on every resource",
            "attach a policy that names what is needed",
        )


def _too_wide(statement: Mapping[str, Any]) -> str | None:
    if statement.get("Effect") != "Allow":
        return None
    if "NotAction" in statement:
        return "allows every action but those that it names"
    if "NotResource" in statement:
        return "allows its actions on every resource but those that it names"
    wide = [it for it in as_list(statement.get("Action")) if isinstance(it, str) and it.rpartition(":")[2] == "*"]
    if wide and "*" in as_list(statement.get("Resource")):
        return f"allows {', '.join(wide)} on every resource"
    return None


def _check_principals(resource: Resource, _options: Options) -> Iterator[Finding]:
    path = _RESOURCE_POLICIES[resource.type]
    for number, statement in enumerate(statements_of(resource.get(path))):
        if statement.get("Effect") == "Allow" and everybody_in(statement) and not statement.get("Condition"):
            yield finding(
                resource,
                f"{path}.Statement[{statement.get('Sid') or number}]",
                "lets everybody in, under no condition",
                "name the account, role or service as principal",
            )


def _check_credentials(resource: Resource, _options: Options) -> Iterator[Finding]:
    yield finding(
        resource,
        "type",
        "is a credential that does not expire",
        "let people sign in by SSO, pods by Pod Identity (components/aws/workload_identity.py) and others by OIDC",
    )


def _check_cluster_roles(resource: Resource, _options: Options) -> Iterator[Finding]:
    rules = resource.get("rules")
    for index, rule in enumerate(as_list(rules)):
        if rule is UNKNOWN or not isinstance(rule, Mapping):
            continue
        if "*" in as_list(rule.get("verbs")) and "*" in as_list(rule.get("resources")):
            yield finding(
                resource,
                f"rules[{index}]",
                "allows every verb on every resource",
                "name the verbs and the resources that are needed",
            )


POLICIES = (
    Policy(
        name="no-star-action-on-star-resource",
        description="No access policy allows every action of a service, or of all, on every resource.",
        severity=Severity.CRITICAL,
        controls=(
            Control.GDPR_RESILIENCE,
            Control.HIPAA_ACCESS,
            Control.SOC2_LOGICAL_ACCESS,
            Control.SOC2_LEAST_PRIVILEGE,
        ),
        enforcement=ALWAYS,
        types=frozenset({*_IDENTITY_POLICIES, *_ATTACHMENTS, "aws:iam/role:Role"}),
        check=_check_wildcards,
    ),
    Policy(
        name="no-grant-to-everybody",
        description="No resource's own policy lets everybody in.",
        severity=Severity.CRITICAL,
        controls=(Control.GDPR_BY_DEFAULT, Control.HIPAA_ACCESS, Control.SOC2_LOGICAL_ACCESS, Control.SOC2_BOUNDARIES),
        enforcement=ALWAYS,
        types=frozenset(_RESOURCE_POLICIES),
        check=_check_principals,
    ),
    Policy(
        name="no-long-lived-credentials",
        description="Nobody gets an access key or password that does not expire.",
        severity=Severity.HIGH,
        controls=(Control.HIPAA_UNIQUE_USER, Control.HIPAA_AUTHENTICATION, Control.SOC2_CREDENTIALS),
        enforcement=ALWAYS,
        types=_LONG_LIVED,
        check=_check_credentials,
    ),
    Policy(
        name="no-star-verb-in-cluster-roles",
        description="No role inside a cluster allows every verb on every resource.",
        severity=Severity.HIGH,
        controls=(Control.HIPAA_ACCESS, Control.SOC2_LOGICAL_ACCESS, Control.SOC2_LEAST_PRIVILEGE),
        enforcement=ALWAYS,
        types=_CLUSTER_ROLES,
        check=_check_cluster_roles,
    ),
)
