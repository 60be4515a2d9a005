"""The base of every provider plugin of a rehearsal: what a cloud implements, free of the protocol's details."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stacks.rehearsal.plugins.difference import Difference, compare
from stacks.rehearsal.plugins.errors import UnknownTokenError
from stacks.rehearsal.plugins.journal import Fidelity


@dataclass(frozen=True, kw_only=True)
class ResourceRef:
    """Which resource a call concerns: its type's token, its name in the program, its URN."""

    type: str
    name: str
    urn: str


@dataclass(frozen=True)
class InvalidProperty:
    """One property that a check refused; `path` is empty where the whole resource is concerned."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ResourceState:
    """A resource as it is: its id, its outputs and, after a read, the inputs that would make it so."""

    id: str
    properties: Mapping[str, Any]
    inputs: Mapping[str, Any] = field(default_factory=dict)


class ProviderPlugin(ABC):
    """Provide one cloud's resources to the engine.

    Values are plain (stacks/rehearsal/plugins/properties.py); during a preview an input may be UNKNOWN. Every method
    may raise InferloopError, whose message the engine shows. Methods are called from several threads.
    """

    name: str
    version: str

    def configure(self, settings: Mapping[str, Any]) -> None:  # noqa: B027
        """Take the provider's own settings, before any other call."""

    def check_settings(self, settings: Mapping[str, Any]) -> Sequence[InvalidProperty]:
        """Return what is wrong with the provider's own settings."""
        return ()

    @abstractmethod
    def check(
        self, resource: ResourceRef, inputs: dict[str, Any], old_inputs: Mapping[str, Any], seed: bytes
    ) -> tuple[dict[str, Any], Sequence[InvalidProperty]]:
        """Return the inputs with defaults and generated names, and what is wrong with them.

        `old_inputs` is empty for a resource that is not there yet or is replaced; `seed` makes generated names stable.
        """

    def diff(
        self, resource: ResourceRef, old: Mapping[str, Any], new: Mapping[str, Any], ignored: Sequence[str]
    ) -> Difference:
        """Return how checked inputs differ, and which changes replace the resource."""
        return compare(old, new, replaces=self.replaces(resource), ignored=ignored)

    @abstractmethod
    def replaces(self, resource: ResourceRef) -> frozenset[str]:
        """Return the properties whose change makes another resource necessary."""

    def deletes_before_replacing(self, resource: ResourceRef, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Tell whether old and new cannot exist together, because they share a name that is theirs alone."""
        return False

    @abstractmethod
    def fidelity(self, resource: ResourceRef) -> Fidelity:
        """Tell how much of this resource exists."""

    def unreal_because(self, resource: ResourceRef) -> str:
        """Return why a resource is not really made, an empty text where it is or nothing is known."""
        return ""

    @abstractmethod
    def plan(
        self, resource: ResourceRef, inputs: Mapping[str, Any], state: Mapping[str, Any] | None
    ) -> Mapping[str, Any]:
        """Return the outputs that a creation (`state` is None) or an update would have; UNKNOWN where it would tell."""

    @abstractmethod
    def create(self, resource: ResourceRef, inputs: Mapping[str, Any]) -> ResourceState:
        """Make a resource. Raises PartialFailureError where it was made but is not as it was asked for."""

    @abstractmethod
    def read(
        self, resource: ResourceRef, resource_id: str, state: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> ResourceState | None:
        """Return a resource as it is now, None where it is gone; without `state` and `inputs` it is imported."""

    @abstractmethod
    def update(
        self,
        resource: ResourceRef,
        resource_id: str,
        state: Mapping[str, Any],
        old_inputs: Mapping[str, Any],
        inputs: Mapping[str, Any],
    ) -> Mapping[str, Any]:
        """Change a resource in place and return its outputs. Raises PartialFailureError where only some changed."""

    @abstractmethod
    def delete(self, resource: ResourceRef, resource_id: str, state: Mapping[str, Any]) -> None:
        """Remove a resource; one that is gone is no failure."""

    def invoke(self, token: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run a function. Raises UnknownTokenError."""
        raise UnknownTokenError(f"{token}: the rehearsal of {self.name} has no such function")

    def secret_outputs(self, resource: ResourceRef) -> frozenset[str]:
        """Return the outputs that are secret whatever the inputs were."""
        return frozenset()

    def cancel(self) -> None:  # noqa: B027
        """End what waits, because the user asked for it."""
