"""One secret in Secrets Manager, encrypted by the stack's key, readable by nobody until a role says so."""

import hashlib

import pulumi
import pulumi_aws as aws

from components.aws.account import Account
from components.aws.policy import deny, document
from components.contracts import KeyHandle, SecretHandle

# How long a deleted secret can be brought back: https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_delete-secret.html
_RECOVERY_DAYS = 30


def store_secret(
    name: str,
    value: pulumi.Input[str],
    *,
    parent: pulumi.Resource,
    platform: Account,
    key: KeyHandle,
    description: str,
    revision: pulumi.Input[str] | None = None,
) -> SecretHandle:
    """Keep `value` as the secret's current version; its `reference` is the secret's ARN.

    The secret itself may not be given to other accounts. `revision` defaults to a digest of the value.
    """
    hidden = pulumi.Output.secret(value)
    secret = aws.secretsmanager.Secret(
        name,
        description=description,
        kms_key_id=key.id,
        recovery_window_in_days=_RECOVERY_DAYS,
        policy=document(
            [
                deny(
                    "OnlyThisAccount",
                    ["secretsmanager:GetSecretValue"],
                    ["*"],
                    condition={"StringNotEquals": {"aws:PrincipalAccount": platform.account_id}},
                )
            ]
        ),
        tags=platform.tags(name),
        opts=platform.options(parent),
    )
    version = aws.secretsmanager.SecretVersion(
        f"{name}-version", secret_id=secret.id, secret_string=hidden, opts=platform.options(parent)
    )
    changes = pulumi.Output.unsecret(hidden.apply(_digest)) if revision is None else pulumi.Output.from_input(revision)
    # Whoever is handed the reference finds a value behind it.
    reference = pulumi.Output.all(secret.arn, version.id).apply(lambda known: str(known[0]))
    return SecretHandle(reference=reference, value=hidden, revision=changes)


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:16]
