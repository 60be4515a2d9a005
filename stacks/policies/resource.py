"""Resources as policies see them: plain values, what is not known before the update, and what a policy found."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final


class Unknown:
    """A value that only the update will tell; there is one, UNKNOWN."""

    def __repr__(self) -> str:
        return "unknown until the update"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of a stack.

    `properties` are its inputs for a check of one resource, and its outputs for a check of the whole stack, by the
    engine's own names; a value that is not known before the update is UNKNOWN, and so are they all where even the
    provider is not. `default_tags` are the tags that its provider adds. `references` says which resources, by URN, a
    property was computed from.
    """

    urn: str
    type: str
    name: str
    properties: Mapping[str, Any] | Unknown
    protect: bool = False
    default_tags: Mapping[str, Any] = field(default_factory=dict)
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def get(self, path: str) -> Any:
        """Return the value at `path`, such as `vpcConfig.subnetIds`; None where there is none."""
        return value_at(self.properties, path)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One violation: at which property of which resource, what is wrong with it, and what mends it.

    No finding holds a property's value that may be a secret.
    """

    urn: str
    property: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.urn}: {self.property}: {self.problem}. Fix: {self.remedy}"


Options = Mapping[str, Any]
"""A policy's options, from the pack's configuration or by default."""
ResourceCheck = Callable[[Resource, Options], Iterator[Finding]]
StackCheck = Callable[[Sequence[Resource], Options], Iterator[Finding]]


def finding(resource: Resource, path: str, problem: str, remedy: str) -> Finding:
    """Return a finding at a property of `resource`."""
    return Finding(urn=resource.urn, property=path, problem=problem, remedy=remedy)


def value_at(value: Any, path: str) -> Any:
    """Follow the keys of `path`; UNKNOWN where any part of the way is, None where the way ends."""
    for key in path.split("."):
        if value is UNKNOWN:
            return UNKNOWN
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def is_on(value: Any) -> bool:
    """Tell whether a switch is on, in any of the spellings that providers take; what is unknown counts as on."""
    return value is UNKNOWN or value is True or value == "true"


def is_off(value: Any) -> bool:
    """Tell whether a switch is off, stated or not; what is unknown counts as off."""
    return value is UNKNOWN or value in (None, False, "false")


def is_stated(value: Any) -> bool:
    """Tell whether there is a value, known or not; an empty one is none."""
    return value is UNKNOWN or bool(value)


def as_list(value: Any) -> list[Any]:
    """Return the elements of a list that is known; a value of its own is a list of one."""
    if value is None or value is UNKNOWN:
        return []
    return list(value) if isinstance(value, list) else [value]


def belongs_to(part: Resource, path: str, whole: Resource, *names: str) -> bool:
    """Tell whether the property `path` of `part` names `whole`: was computed from it, or equals one of its `names`."""
    if whole.urn in part.references.get(path.partition(".")[0], ()):
        return True
    named = part.get(path)
    return isinstance(named, str) and any(named == whole.get(name) for name in names)


def of_type(resources: Sequence[Resource], *types: str) -> list[Resource]:
    """Return the resources of these types."""
    return [it for it in resources if it.type in types]
