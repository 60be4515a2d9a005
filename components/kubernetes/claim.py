"""Storage that pods mount: data sets, and the cache of weights. Its deletion is guarded where it holds data."""

from typing import ClassVar, Literal

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, PositiveInt

from components.kubernetes.api_object import ApiObject
from components.kubernetes.labels import Role, labels_of


class ClaimArgs(BaseModel):
    """Size and sharing. `holds_data` protects the claim from deletion; a cache can be filled again."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    storage_gib: PositiveInt
    access: Literal["ReadWriteOnce", "ReadWriteMany"] = "ReadWriteOnce"
    storage_class: str | None = None
    holds_data: bool = True


class Claim(pulumi.ComponentResource):
    """Claim a volume of the cluster's storage class, or of a named one.

    Output: claim, its name.
    """

    Args: ClassVar[type[ClaimArgs]] = ClaimArgs
    claim: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: ClaimArgs,
        *,
        namespace: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:kubernetes:Claim", name, {}, opts)
        spec: ApiObject = {
            "accessModes": [args.access],
            "resources": {"requests": {"storage": f"{args.storage_gib}Gi"}},
            **({"storageClassName": args.storage_class} if args.storage_class else {}),
        }
        metadata: ApiObject = {
            "name": name,
            "namespace": namespace,
            "labels": labels_of(Role.STORAGE, name),
            # A class that binds with the first pod would keep `up` waiting for a pod that comes later.
            "annotations": {"pulumi.com/skipAwait": "true"},
        }
        made = kubernetes.core.v1.PersistentVolumeClaim(
            f"{name}-claim",
            metadata=metadata,
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self, protect=args.holds_data, retain_on_delete=args.holds_data),
        )
        self.claim = made.metadata.apply(lambda known: str(known.name))
        self.register_outputs({"claim": self.claim})
