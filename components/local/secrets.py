"""Secrets of a local stack: generated once, one file each, readable by their owner only.

There is no vault on one machine; whoever can read the files already owns the processes that use them.
"""

from collections.abc import Mapping
from typing import ClassVar

import pulumi
from pydantic import BaseModel, ConfigDict, Field

from components.contracts import SecretHandle
from components.local.providers.secret_file import GeneratedSecret
from components.local.supervisor import Supervisor


class SecretsArgs(BaseModel):
    """The names of the secrets to generate, and how many random bytes each has."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    names: tuple[str, ...]
    entropy_bytes: int = Field(default=32, ge=16)


class Secrets(pulumi.ComponentResource):
    """Generate secrets and keep them; delete a file and run `pulumi up` to rotate its secret.

    Outputs: references (paths by name). Handles carry the values as secrets.
    """

    Args: ClassVar[type[SecretsArgs]] = SecretsArgs
    handles: Mapping[str, SecretHandle]

    def __init__(
        self, name: str, args: SecretsArgs, *, platform: Supervisor, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("inferloop:local:Secrets", name, {}, opts)
        handles: dict[str, SecretHandle] = {}
        for role in args.names:
            path = platform.layout.secrets / role
            secret = GeneratedSecret(
                f"{name}-{role}",
                path=path,
                entropy_bytes=args.entropy_bytes,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[platform.folders]),
            )
            handles[role] = SecretHandle(
                reference=secret.location, value=pulumi.Output.secret(secret.value), revision=secret.revision
            )
        self.handles = handles
        self.register_outputs({"references": {role: handle.reference for role, handle in handles.items()}})
