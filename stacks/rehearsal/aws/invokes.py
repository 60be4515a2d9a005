"""The data sources of the AWS SDK that stacks ask: who and where they are, zones, and policy documents."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from stacks.rehearsal.aws.backend import MotoBackend

Function = Callable[[MotoBackend, str, Mapping[str, Any]], Mapping[str, Any]]


def _caller_identity(backend: MotoBackend, region: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    answer = backend.request("sts", "get_caller_identity", {})
    return {"id": answer["Account"], "accountId": answer["Account"], "arn": answer["Arn"], "userId": answer["UserId"]}


def _region(backend: MotoBackend, region: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    name = arguments.get("region") or arguments.get("name") or region
    return {"id": name, "name": name, "region": name, "description": name, "endpoint": f"ec2.{name}.amazonaws.com"}


def _partition(backend: MotoBackend, region: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"id": "aws", "partition": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws"}


def _availability_zones(backend: MotoBackend, region: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    zones = backend.request("ec2", "describe_availability_zones", {})["AvailabilityZones"]
    wanted = [zone for zone in zones if arguments.get("state") in (None, zone["State"])]
    return {
        "id": region,
        "region": region,
        "names": [zone["ZoneName"] for zone in wanted],
        "zoneIds": [zone["ZoneId"] for zone in wanted],
        "groupNames": [region],
    }


def _policy_document(backend: MotoBackend, region: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    statements = [_statement(statement) for statement in arguments.get("statements") or []]
    document = {"Version": arguments.get("version") or "2012-10-17", "Statement": statements}
    if arguments.get("policyId"):
        document["Id"] = arguments["policyId"]
    text = json.dumps(document, indent=2)
    return {
        **arguments,
        "id": str(int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)),
        "json": text,
        "minifiedJson": json.dumps(document, separators=(",", ":")),
    }


def _statement(given: Mapping[str, Any]) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": given.get("effect") or "Allow"}
    for name in ("sid", "actions", "notActions", "resources", "notResources"):
        if given.get(name):
            items = given[name]
            key = name[0].upper() + name[1:].removesuffix("s")
            statement[key] = items[0] if isinstance(items, list) and len(items) == 1 else items
    for name, key in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        found: dict[str, list[str]] = {}
        for principal in given.get(name) or []:
            found.setdefault(principal["type"], []).extend(principal["identifiers"])
        if found:
            everybody = found == {"*": ["*"]}
            statement[key] = (
                "*" if everybody else {kind: ids[0] if len(ids) == 1 else ids for kind, ids in found.items()}
            )
    for condition in given.get("conditions") or []:
        tests = statement.setdefault("Condition", {})
        tests.setdefault(condition["test"], {})[condition["variable"]] = condition["values"]
    return statement


FUNCTIONS: Mapping[str, Function] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _availability_zones,
    "aws:iam/getPolicyDocument:getPolicyDocument": _policy_document,
}
"""Functions by their token."""
