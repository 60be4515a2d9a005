"""The provider plugin for AWS: table-described types on moto, every other type of the SDK emulated."""

import importlib.metadata
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stacks.rehearsal.aws.backend import ACCOUNT, MotoBackend
from stacks.rehearsal.aws.emulation import EmulatedStore
from stacks.rehearsal.aws.fidelity import fidelity_of
from stacks.rehearsal.aws.invokes import FUNCTIONS
from stacks.rehearsal.aws.mapping import reconcile
from stacks.rehearsal.aws.naming import GENERATED, name_property, with_name
from stacks.rehearsal.aws.schema import type_schema
from stacks.rehearsal.aws.types import RESOURCE_TYPES
from stacks.rehearsal.aws.validation import invalid_properties
from stacks.rehearsal.plugins.difference import compare
from stacks.rehearsal.plugins.errors import UnknownTokenError
from stacks.rehearsal.plugins.journal import Fidelity
from stacks.rehearsal.plugins.properties import UNKNOWN
from stacks.rehearsal.plugins.provider import InvalidProperty, ProviderPlugin, ResourceRef, ResourceState

ENDPOINT = "INFERLOOP_REHEARSAL_AWS_ENDPOINT"
"""Environment variable: where moto's server listens."""
SCHEMAS = "INFERLOOP_REHEARSAL_SCHEMAS"
"""Environment variable: the file that keeps what was read of the installed SDK."""
_DEFAULT_REGION = "us-east-1"


class AwsPlugin(ProviderPlugin):
    """Provide every resource type of the installed AWS SDK on one moto server."""

    name = "aws"
    version = importlib.metadata.version("pulumi-aws")

    def __init__(self, endpoint: str, state: Path | None) -> None:
        self._endpoint = endpoint
        self._region = os.environ.get("AWS_REGION", _DEFAULT_REGION)
        self._default_tags: dict[str, str] = {}
        self._backend = MotoBackend(endpoint, self._region)
        self._store = EmulatedStore(state / "emulated-aws" if state else None)

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Take the region and the default tags."""
        self._region = settings.get("region") or self._region
        tags = settings.get("defaultTags") or {}
        tags = json.loads(tags) if isinstance(tags, str) else tags
        self._default_tags = dict(tags.get("tags") or {})
        self._backend = MotoBackend(self._endpoint, self._region)

    def check(
        self, resource: ResourceRef, inputs: dict[str, Any], old_inputs: Mapping[str, Any], seed: bytes
    ) -> tuple[dict[str, Any], Sequence[InvalidProperty]]:
        """Check types, and add default tags and a generated name."""
        try:
            schema = type_schema(resource.type)
        except UnknownTokenError as error:
            return inputs, [InvalidProperty("", str(error))]
        failures = invalid_properties(schema, inputs)
        kind = RESOURCE_TYPES.get(resource.type)
        values = {**(kind.defaults if kind else {}), **inputs}
        if self._default_tags and {"tags", "tagsAll"} <= set(schema.outputs) and "tags" in schema.inputs:
            given = values.get("tags") or {}
            values["tags"] = given if given is UNKNOWN else {**self._default_tags, **given}
        key = name_property(schema, kind.name if kind else "")
        limit = kind.name_limit if kind else 63
        return with_name(values, old_inputs, key=key, name=resource.name, seed=seed, limit=limit), failures

    def replaces(self, resource: ResourceRef) -> frozenset[str]:
        """Return what the table says, or the SDK's documentation for an emulated type, and the name."""
        kind = RESOURCE_TYPES.get(resource.type)
        if kind:
            return kind.replaces
        schema = type_schema(resource.type)
        return schema.replaces | frozenset(filter(None, [name_property(schema)]))

    def deletes_before_replacing(self, resource: ResourceRef, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Tell whether the replacement would have the same name, because the program gives it, or the same id."""
        kind = RESOURCE_TYPES.get(resource.type)
        key = name_property(type_schema(resource.type), kind.name if kind else "")
        if key and key not in (new.get(GENERATED) or []):
            return bool(old.get(key) == new.get(key))
        return bool(not key and kind and kind.id.startswith("{"))

    def fidelity(self, resource: ResourceRef) -> Fidelity:
        """Tell whether moto has the type."""
        return fidelity_of(resource.type).fidelity

    def unreal_because(self, resource: ResourceRef) -> str:
        """Tell what moto lacks."""
        return fidelity_of(resource.type).reason

    def plan(
        self, resource: ResourceRef, inputs: Mapping[str, Any], state: Mapping[str, Any] | None
    ) -> Mapping[str, Any]:
        """Return the inputs, and what the service will tell as it was or as unknown."""
        outputs = type_schema(resource.type).outputs
        planned = dict(inputs)
        for name in outputs:
            if name not in planned:
                if state is None:
                    planned[name] = UNKNOWN
                elif name in state:
                    planned[name] = state[name]
        if "tagsAll" in outputs:
            planned["tagsAll"] = inputs.get("tags", {})
        return planned

    def create(self, resource: ResourceRef, inputs: Mapping[str, Any]) -> ResourceState:
        """Make a resource on moto, or keep it where moto has no such type."""
        kind = RESOURCE_TYPES.get(resource.type)
        if kind:
            return self._backend.create(kind, inputs)
        return self._store.create(resource.type, resource.name, inputs, account=ACCOUNT, region=self._region)

    def read(
        self, resource: ResourceRef, resource_id: str, state: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> ResourceState | None:
        """Return a resource as it is; an import's inputs are all that the service tells of."""
        kind = RESOURCE_TYPES.get(resource.type)
        schema = type_schema(resource.type)
        if kind is None:
            kept = self._store.read(resource.type, resource_id, state)
            return None if kept is None else ResourceState(id=resource_id, properties=kept, inputs=inputs)
        found = self._backend.read(kind, resource_id, {**state, **inputs})
        if found is None:
            return None
        actual = {name: reconcile(value, found.get(name)) for name, value in inputs.items()}
        if not inputs:
            actual = {
                name: value for name, value in found.items() if name in schema.inputs and value not in ("", [], {})
            }
        else:
            # Tags are read whole, so one that was added or removed is drift.
            if "tags" in found and found["tags"] != (inputs.get("tags") or {}):
                actual["tags"] = found["tags"]
        kept_known = {name: value for name, value in state.items() if name not in found}
        return ResourceState(
            id=resource_id, properties={**kept_known, **actual, **_reconciled(state, found)}, inputs=actual
        )

    def update(
        self,
        resource: ResourceRef,
        resource_id: str,
        state: Mapping[str, Any],
        old_inputs: Mapping[str, Any],
        inputs: Mapping[str, Any],
    ) -> Mapping[str, Any]:
        """Change what differs."""
        kind = RESOURCE_TYPES.get(resource.type)
        if kind is None:
            properties = self._store.outputs(resource.type, resource_id, inputs, account=ACCOUNT, region=self._region)
            self._store.update(resource.type, resource_id, properties)
            return properties
        changed = frozenset(compare(old_inputs, inputs).properties)
        return self._backend.update(kind, resource_id, state, changed, old_inputs, inputs)

    def delete(self, resource: ResourceRef, resource_id: str, state: Mapping[str, Any]) -> None:
        """Remove a resource from moto or from what is kept."""
        kind = RESOURCE_TYPES.get(resource.type)
        if kind:
            self._backend.delete(kind, resource_id, state)
        else:
            self._store.delete(resource.type, resource_id)

    def invoke(self, token: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run a data source of the SDK."""
        function = FUNCTIONS.get(token)
        if function is None:
            return super().invoke(token, arguments)
        return function(self._backend, self._region, arguments)


def _reconciled(state: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: reconcile(state[name], value) if name in state else value for name, value in found.items()}
