"""Secrets of a local stack: generated once, one file each, readable by their owner only.

There is no vault on one machine; whoever can read the files already owns the processes that use them.
"""

from collections.abc import Mapping
from typing import ClassVar

import pulumi
from pydantic import BaseModel, ConfigDict, Field

from components.contracts import SecretHandle, VolumeHandle
from components.local.providers.secret_file import GeneratedSecret
from components.local.supervisor import Supervisor


class SecretsArgs(BaseModel):
    """The names of the secrets to generate, and how many random bytes each has."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    names: tuple[str, ...]
    entropy_bytes: int = Field(default=32, ge=16)


class Secrets(pulumi.ComponentResource):
    """Generate secrets and keep them; delete a file and run `pulumi up` to rotate its secret.

    Secrets that data depends on lie in `volume` and are protected like it, so that they outlive the processes. Outputs:
    references (paths by name). Handles carry the values as secrets.
    """

    Args: ClassVar[type[SecretsArgs]] = SecretsArgs
    handles: Mapping[str, SecretHandle]

    def __init__(
        self,
        name: str,
        args: SecretsArgs,
        *,
        platform: Supervisor,
        volume: VolumeHandle | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:local:Secrets", name, {}, opts)
        handles: dict[str, SecretHandle] = {}
        folder = pulumi.Output.from_input(str(platform.layout.secrets)) if volume is None else volume.uri
        # A protected secret that depended on the platform would keep that from being taken down.
        depends_on = [platform.folders] if volume is None else []
        for role in args.names:
            secret = GeneratedSecret(
                f"{name}-{role}",
                path=pulumi.Output.concat(folder, "/", role),
                entropy_bytes=args.entropy_bytes,
                opts=pulumi.ResourceOptions(parent=self, depends_on=depends_on, protect=volume is not None),
            )
            handles[role] = SecretHandle(
                reference=secret.location, value=pulumi.Output.secret(secret.value), revision=secret.revision
            )
        self.handles = handles
        self.register_outputs({"references": {role: handle.reference for role, handle in handles.items()}})
