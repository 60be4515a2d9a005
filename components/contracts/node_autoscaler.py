"""What a cloud tells the node autoscaler of its clusters: what nodes are made of, and who the controller is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import pulumi

from components.contracts.foundation import WorkloadPrincipal


@dataclass(frozen=True, kw_only=True)
class NodeClass:
    """What nodes are made of, in the words of a cloud: the object's kind and `spec`.

    `family_label` is the label by which its machines' families are told apart.
    """

    api_version: str
    kind: str
    spec: Mapping[str, Any]
    family_label: str


@dataclass(frozen=True, kw_only=True)
class NodeAutoscalerFacts:
    """What a cloud knows of its node autoscaler: the controller's `settings`, its node class and its identity.

    `dependencies` are what the controller needs beside them, such as its permissions.
    """

    settings: Mapping[str, pulumi.Input[str]]
    node_class: NodeClass
    identity: WorkloadPrincipal | None = None
    dependencies: Sequence[pulumi.Resource] = field(default_factory=tuple)


@runtime_checkable
class NodeAutoscaler(Protocol):
    """What a cloud gives a node autoscaler: roles, and news of nodes that will be taken."""

    @property
    def facts(self) -> NodeAutoscalerFacts:
        """What the autoscaler is told."""
