"""Kinds of volumes that a cluster offers, encrypted where the cloud is told so."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.kubernetes.api_object import ObjectName
from components.kubernetes.labels import Role, labels_of

_DEFAULT = "storageclass.kubernetes.io/is-default-class"


class StorageClassArgs(BaseModel):
    """One class: its driver, and what becomes of a volume whose claim is deleted.

    `parameters` are the driver's own words that need no resource of the cloud.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    provisioner: str = Field(min_length=1)
    parameters: Mapping[str, str] = Field(default_factory=dict)
    reclaim: Literal["Delete", "Retain"] = "Delete"
    binding: Literal["WaitForFirstConsumer", "Immediate"] = "WaitForFirstConsumer"
    default: bool = False


class StorageClassesArgs(BaseModel):
    """The classes by name; one of them at most is what claims get that name none."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    classes: Mapping[ObjectName, StorageClassArgs] = Field(min_length=1)

    @model_validator(mode="after")
    def _have_one_default(self) -> Self:
        chosen = [name for name, it in self.classes.items() if it.default]
        if len(chosen) > 1:
            raise ValueError(f"{' and '.join(chosen)} are both the default class; leave one")
        return self


class StorageClasses(pulumi.ComponentResource):
    """Make the classes; a volume grows where its claim does. Output: names, by class.

    `parameters` are further ones by class that the cloud makes known, such as the key of its disks.
    """

    Args: ClassVar[type[StorageClassesArgs]] = StorageClassesArgs
    names: Mapping[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        args: StorageClassesArgs,
        *,
        parameters: Mapping[str, Mapping[str, pulumi.Input[str]]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:kubernetes:StorageClasses", name, {}, opts)
        names: dict[str, pulumi.Output[str]] = {}
        for key, wanted in args.classes.items():
            made = kubernetes.storage.v1.StorageClass(
                f"{name}-{key}",
                metadata={
                    "name": key,
                    "labels": labels_of(Role.STORAGE, name),
                    "annotations": {_DEFAULT: "true" if wanted.default else "false"},
                },
                provisioner=wanted.provisioner,
                parameters={**wanted.parameters, **((parameters or {}).get(key, {}))},
                reclaim_policy=wanted.reclaim,
                volume_binding_mode=wanted.binding,
                allow_volume_expansion=True,
                # Nothing of a class but its expansion can be changed.
                opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
            )
            names[key] = made.metadata.apply(lambda metadata: str(metadata.name))
        self.names = names
        self.register_outputs({"names": names})
