"""Access policies as data: statements are checked when they are written, so that a wide one never reaches the cloud."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pulumi

from components.errors import SettingsError

VERSION = "2012-10-17"
Statement = dict[str, Any]


def allow(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[pulumi.Input[str]],
    *,
    condition: Mapping[str, Any] | None = None,
) -> Statement:
    """Return a statement of an identity's policy that allows `actions` on `resources`.

    Raises SettingsError for an action that is a service's every action, and for `*` as a resource with no condition
    where any of the actions changes something.
    """
    _check_actions(sid, actions)
    if not condition and any(resource == "*" for resource in resources):
        wide = [action for action in actions if not action.partition(":")[2].startswith(_READS)]
        if wide:
            raise SettingsError(
                f"statement {sid} allows {', '.join(wide)} on every resource; name the resources or add a condition"
            )
    return _statement(sid, "Allow", actions, {"Resource": list(resources)}, condition)


def grant(
    sid: str,
    principal: Mapping[str, Any],
    actions: Sequence[str],
    resources: Sequence[pulumi.Input[str]],
    *,
    condition: Mapping[str, Any] | None = None,
) -> Statement:
    """Return a statement of a resource's own policy. Raises SettingsError for a principal that is everybody."""
    _check_actions(sid, actions)
    if "*" in principal.values():
        raise SettingsError(f"statement {sid} grants to everybody; name the account, role or service")
    granted = {"Principal": dict(principal), "Resource": list(resources)}
    return _statement(sid, "Allow", actions, granted, condition)


def deny(
    sid: str, actions: Sequence[str], resources: Sequence[pulumi.Input[str]], *, condition: Mapping[str, Any]
) -> Statement:
    """Return a statement of a resource's own policy that refuses everybody under `condition`."""
    refused = {"Principal": {"AWS": "*"}, "Resource": list(resources)}
    return _statement(sid, "Deny", actions, refused, condition)


def document(statements: Iterable[Statement]) -> pulumi.Output[str]:
    """Return the policy as JSON; values that are not known yet are filled in by the engine."""
    return pulumi.Output.json_dumps({"Version": VERSION, "Statement": list(statements)}, sort_keys=True)


def assumed_by(service: str, *actions: str, account_id: str | None = None) -> str:
    """Return the policy of a role that one service may take, only on behalf of `account_id` where that is given."""
    statement: Statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": list(actions or ("sts:AssumeRole",)),
    }
    if account_id is not None:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": account_id}}
    return json.dumps({"Version": VERSION, "Statement": [statement]}, sort_keys=True)


_READS = ("Describe", "List", "Get", "BatchGet", "BatchCheck")


def _check_actions(sid: str, actions: Sequence[str]) -> None:
    wide = [action for action in actions if action.rpartition(":")[2] == "*"]
    if wide:
        raise SettingsError(f"statement {sid} allows {', '.join(wide)}; name the actions that are needed")


def _statement(
    sid: str, effect: str, actions: Sequence[str], target: Mapping[str, Any], condition: Mapping[str, Any] | None
) -> Statement:
    statement: Statement = {"Sid": sid, "Effect": effect, "Action": list(actions), **target}
    return {**statement, "Condition": dict(condition)} if condition else statement
