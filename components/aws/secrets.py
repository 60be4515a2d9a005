"""Secrets that the suite makes itself: random, kept in Secrets Manager, rotated by raising a number.

The engine's state holds them encrypted, as it must to set a database's password. What a third party gives out (a hub's
token) is no work of this component.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import pulumi
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from components.aws.account import Account
from components.aws.generated_value import GeneratedValue
from components.aws.stored_secret import store_secret
from components.contracts import KeyHandle, SecretHandle

SecretName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]


class SecretsArgs(BaseModel):
    """The names of the secrets to make, and which of them are keys in the gateway's own format.

    `generations` rotates one: raise its number, which begins at 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    names: tuple[SecretName, ...]
    access_keys: tuple[SecretName, ...] = ()
    generations: Mapping[str, PositiveInt] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _rotates_what_is_there(self) -> "SecretsArgs":
        if unknown := sorted(set(self.access_keys) - set(self.names)):
            raise ValueError(f"no secret {', '.join(unknown)} to be an access key; secrets are {', '.join(self.names)}")
        if unknown := sorted(set(self.generations) - set(self.names)):
            raise ValueError(f"no secret {', '.join(unknown)} to rotate; secrets are {', '.join(self.names)}")
        return self


class Secrets(pulumi.ComponentResource):
    """Make random secrets and keep them in Secrets Manager. Outputs: references (ARNs by name).

    Handles carry the values as secrets.
    """

    Args: ClassVar[type[SecretsArgs]] = SecretsArgs
    handles: Mapping[str, SecretHandle]

    def __init__(
        self,
        name: str,
        args: SecretsArgs,
        *,
        platform: Account,
        key: KeyHandle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:aws:Secrets", name, {}, opts)
        handles: dict[str, SecretHandle] = {}
        for role in args.names:
            made = GeneratedValue(
                f"{name}-{role}-value",
                generation=args.generations.get(role, 1),
                shape="access-key" if role in args.access_keys else "digits",
                opts=pulumi.ResourceOptions(parent=self),
            )
            handles[role] = store_secret(
                f"{name}-{role}",
                made.value,
                parent=self,
                platform=platform,
                key=key,
                description=f"{platform.args.tags.stack}: {role}",
                revision=made.revision,
            )
        self.handles = handles
        self.register_outputs({"references": {role: handle.reference for role, handle in handles.items()}})
