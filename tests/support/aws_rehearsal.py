"""The AWS plugin of a rehearsal without an engine: resources are made, read back without drift, and removed."""

from collections.abc import Mapping
from typing import Any

import boto3

from stacks.rehearsal.aws.plugin import AwsPlugin
from stacks.rehearsal.aws.types import RESOURCE_TYPES
from stacks.rehearsal.plugins.provider import ResourceRef, ResourceState

REGION = "eu-central-1"
# Their removal turns something off, which can be read still.
_SWITCHES = (":BucketObjectLockConfiguration", ":BucketVersioning", ":RecorderStatus")


class Cloud:
    """One plugin on one moto server, with the default tag `stack: s`."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.plugin = AwsPlugin(endpoint, None)
        self.plugin.configure({"region": REGION, "defaultTags": '{"tags": {"stack": "s"}}'})
        self.made: dict[str, tuple[ResourceRef, ResourceState, dict[str, Any]]] = {}

    def make(self, token: str, name: str, /, **inputs: Any) -> str:
        """Make a resource, and find it as it was asked for; return its id."""
        resource = ResourceRef(type=token, name=name, urn=name)
        checked, failures = self.plugin.check(resource, inputs, {}, b"seed")
        assert list(failures) == []
        state = self.plugin.create(resource, checked)
        self.made[name] = (resource, state, checked)
        assert self.drift(name) == {}, token
        return state.id

    def change(self, name: str, /, **inputs: Any) -> None:
        """Change inputs in place, and find the resource as it was asked for."""
        resource, state, old = self.made[name]
        new, failures = self.plugin.check(resource, {**self._given(name), **inputs}, old, b"seed")
        assert list(failures) == []
        found = self.plugin.diff(resource, old, new, ())
        assert found.changes, "nothing would change"
        assert not found.replaces, found.replaces
        properties = self.plugin.update(resource, state.id, state.properties, old, new)
        self.made[name] = (resource, ResourceState(id=state.id, properties=properties), new)
        assert self.drift(name) == {}, resource.type

    def drift(self, name: str) -> Mapping[str, Any]:
        """Return how a resource differs from what was asked for, by property path."""
        resource, state, checked = self.made[name]
        found = self.plugin.read(resource, state.id, state.properties, checked)
        assert found is not None, f"{resource.type} is gone"
        return self.plugin.diff(resource, found.inputs, checked, ()).changes

    def is_there(self, name: str) -> bool:
        """Tell whether a resource can be read."""
        resource, state, checked = self.made[name]
        return self.plugin.read(resource, state.id, state.properties, checked) is not None

    def output(self, name: str, key: str) -> Any:
        """Return an output of what was made."""
        return self.made[name][1].properties.get(key)

    def remove(self, name: str) -> None:
        """Remove a resource, and find it gone unless it ends with another."""
        resource, state, checked = self.made.pop(name)
        self.plugin.delete(resource, state.id, state.properties)
        if RESOURCE_TYPES[resource.type].delete and not resource.type.endswith(_SWITCHES):
            assert self.plugin.read(resource, state.id, state.properties, checked) is None, resource.type

    def remove_all(self) -> None:
        """Remove everything, the last first."""
        for name in reversed(list(self.made)):
            self.remove(name)

    def client(self, service: str) -> Any:
        """Return a client that looks at moto behind the plugin's back."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def _given(self, name: str) -> dict[str, Any]:
        return {key: value for key, value in self.made[name][2].items() if not key.startswith("__")}
