"""Keep resources that moto does not have: checked against the SDK's annotations, stored, and nothing more."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stacks.rehearsal.aws.schema import type_schema
from stacks.rehearsal.plugins.provider import ResourceState

# Services whose ARNs name no region.
_GLOBAL = frozenset({"budgets", "cloudfront", "costexplorer", "iam", "route53"})


class EmulatedStore:
    """One file for each emulated resource, so that what a destroy leaves behind can be told.

    The files hold what the provider was given, so the folder's owner alone may read them. Without a folder nothing is
    kept, and a read answers what the engine knows.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def create(self, token: str, name: str, inputs: Mapping[str, Any], *, account: str, region: str) -> ResourceState:
        """Keep a resource; its id, ARN and other outputs are made up, but stable for its name."""
        resource_id = f"{name}-{hashlib.sha256(f'{token} {name}'.encode()).hexdigest()[:12]}"
        properties = self.outputs(token, resource_id, inputs, account=account, region=region)
        self._write(token, resource_id, properties)
        return ResourceState(id=resource_id, properties=properties)

    def outputs(
        self, token: str, resource_id: str, inputs: Mapping[str, Any], *, account: str, region: str
    ) -> dict[str, Any]:
        """Return inputs completed by outputs of their annotated types."""
        service = token.split(":")[1].split("/")[0]
        properties = dict(inputs)
        region_of_arn = "" if service in _GLOBAL else region
        for name, shape in type_schema(token).outputs.items():
            if name in properties or shape.scalar != "str" or name in type_schema(token).inputs:
                continue
            is_arn = name == "arn" or name.endswith("Arn")
            properties[name] = f"arn:aws:{service}:{region_of_arn}:{account}:{resource_id}" if is_arn else resource_id
        if "tagsAll" in type_schema(token).outputs:
            properties["tagsAll"] = dict(inputs.get("tags") or {})
        if "region" in type_schema(token).outputs:
            properties.setdefault("region", region)
        return properties

    def read(self, token: str, resource_id: str, known: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return a resource's outputs, None where it was removed."""
        if self._folder is None:
            return known
        path = self._path(token, resource_id)
        if not path.exists():
            return None
        answer: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["properties"]
        return answer

    def update(self, token: str, resource_id: str, properties: Mapping[str, Any]) -> None:
        """Keep new outputs."""
        self._write(token, resource_id, properties)

    def delete(self, token: str, resource_id: str) -> None:
        """Remove a resource; one that is gone is no failure."""
        if self._folder is not None:
            self._path(token, resource_id).unlink(missing_ok=True)

    def inventory(self) -> list[str]:
        """Return what is there, each as `TOKEN ID`."""
        if self._folder is None:
            return []
        kept = (json.loads(path.read_text(encoding="utf-8")) for path in self._folder.glob("*.json"))
        return sorted(f"{item['token']} {item['id']}" for item in kept)

    def _write(self, token: str, resource_id: str, properties: Mapping[str, Any]) -> None:
        if self._folder is None:
            return
        path = self._path(token, resource_id)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"token": token, "id": resource_id, "properties": properties}, file)
        temporary.replace(path)

    def _path(self, token: str, resource_id: str) -> Path:
        folder = self._folder or Path()
        return folder / f"{hashlib.sha256(f'{token} {resource_id}'.encode()).hexdigest()[:24]}.json"
