"""Physical names that a contract needs: cut to what a service allows, with a hash so that no two meet.

Everything else is named by the engine, which adds a random suffix and can so replace before it deletes.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from components.errors import SettingsError

_HASH_LENGTH = 8


@dataclass(frozen=True, kw_only=True)
class NameRule:
    """What a service allows in a name. `forbidden` matches one character that it does not take."""

    longest: int
    forbidden: str
    source: str


NAME_RULES: Mapping[str, NameRule] = {
    "cluster": NameRule(
        longest=100,
        forbidden=r"[^a-zA-Z0-9_-]",
        source="https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html",
    ),
    "node_pool": NameRule(
        longest=63,
        forbidden=r"[^a-zA-Z0-9_-]",
        source="https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html",
    ),
    "repository": NameRule(
        longest=256,
        forbidden=r"[^a-z0-9._/-]",
        source="https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html",
    ),
    "key_alias": NameRule(
        longest=256 - len("alias/"),
        forbidden=r"[^a-zA-Z0-9/_-]",
        source="https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html",
    ),
    "log_group": NameRule(
        longest=512,
        forbidden=r"[^a-zA-Z0-9._/#-]",
        source="https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html",
    ),
    "cache": NameRule(
        longest=40,
        forbidden=r"[^a-z0-9-]",
        source="https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html",
    ),
    "database": NameRule(
        longest=63,
        forbidden=r"[^a-z0-9-]",
        source="https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html",
    ),
    "bucket": NameRule(
        longest=63,
        forbidden=r"[^a-z0-9-]",
        source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html",
    ),
    "backup_vault": NameRule(
        longest=50,
        forbidden=r"[^a-zA-Z0-9_-]",
        source="https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupVault.html",
    ),
    "restore_test": NameRule(
        longest=50,
        forbidden=r"[^a-zA-Z0-9_]",
        source="https://docs.aws.amazon.com/aws-backup/latest/devguide/API_RestoreTestingPlanForCreate.html",
    ),
    "trail": NameRule(
        longest=128,
        forbidden=r"[^a-zA-Z0-9._-]",
        source="https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html",
    ),
    "firewall_metric": NameRule(
        longest=128,
        forbidden=r"[^a-zA-Z0-9_-]",
        source="https://docs.aws.amazon.com/waf/latest/APIReference/API_VisibilityConfig.html",
    ),
    "role": NameRule(
        longest=64,
        forbidden=r"[^a-zA-Z0-9+=,.@_-]",
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html",
    ),
}


def physical_name(kind: str, *parts: str) -> str:
    """Join `parts` into a name that `kind` allows; what had to be cut or replaced is told apart by a hash.

    The same parts give the same name for ever. Raises SettingsError for a kind that has no rule, and for parts of which
    nothing would be left.
    """
    if kind not in NAME_RULES:
        raise SettingsError(f"no naming rule for {kind!r}; known are {', '.join(NAME_RULES)}")
    rule = NAME_RULES[kind]
    wanted = "-".join(parts)
    separator = "-" if re.fullmatch(rule.forbidden, "-") is None else "_"
    name = re.sub(rule.forbidden, separator, wanted)
    name = re.sub(r"^[^a-zA-Z]+", "", name).rstrip("-_./")
    if not name:
        raise SettingsError(f"nothing of {wanted!r} can be part of the name of a {kind}; begin it with a letter")
    if name == wanted and len(name) <= rule.longest:
        return name
    digest = hashlib.sha256(wanted.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{name[: rule.longest - _HASH_LENGTH - 1].rstrip('-_./')}{separator}{digest}"
