"""The AWS account and region that a stack lives in: one provider, the tags, and what the region can do.

It creates nothing in the account. The account's number is a setting, and the provider refuses any other, so that
credentials of the wrong account change nothing; it also lets policies be written without asking the cloud first.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from components.aws.naming import NAME_RULES, physical_name
from components.aws.tags import Tags
from components.catalog.availability import load_availability
from components.contracts import Capabilities
from components.errors import SettingsError

_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}


class AccountArgs(BaseModel):
    """The account's number, the region, and the zones in use; `zones` defaults to the region's first three."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    account_id: Annotated[str, Field(pattern=r"^[0-9]{12}$")]
    region: str
    tags: Tags
    zones: tuple[str, ...] = ()

    @field_validator("region")
    @classmethod
    def _is_known(cls, region: str) -> str:
        try:
            load_availability().check_region(region)
        except SettingsError as error:
            raise ValueError(str(error)) from None
        return region

    @model_validator(mode="after")
    def _zones_are_of_the_region(self) -> "AccountArgs":
        foreign = [zone for zone in self.zones if not zone.startswith(self.region) or zone == self.region]
        if foreign:
            raise ValueError(f"zones {', '.join(foreign)} are not of {self.region}; write them like {self.region}a")
        if len(set(self.zones)) != len(self.zones):
            raise ValueError("a zone is named twice; name each once")
        return self

    @property
    def zones_in_use(self) -> tuple[str, ...]:
        """The zones that are named, or else the region's first three."""
        return self.zones or tuple(f"{self.region}{letter}" for letter in "abc")


class Account(pulumi.ComponentResource):
    """Hold the one provider and the facts that every AWS component needs; create nothing. Outputs: account_id, region.

    Zone letters mean different places in different accounts, and new accounts may lack some: set `zones` then.
    """

    Args: ClassVar[type[AccountArgs]] = AccountArgs
    capabilities: ClassVar[Capabilities] = Capabilities(
        accounts=True,
        managed_database=True,
        object_store=True,
        autoscaling=True,
        load_balancer=True,
        tls=True,
        public_network=True,
        gpu_kinds=load_availability().gpu_kinds(),
        spot=True,
        capacity_blocks=True,
        private_endpoints=True,
        # https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html
        identity_cidrs=("169.254.170.23/32",),
        name_limits={kind: rule.longest for kind, rule in NAME_RULES.items()},
    )
    description: pulumi.Output[Mapping[str, Any]]

    def __init__(self, name: str, args: AccountArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferloop:aws:Account", name, {}, opts)
        self.args = args
        self.account_id = args.account_id
        self.region = args.region
        self.partition = next(
            (partition for prefix, partition in _PARTITIONS.items() if args.region.startswith(prefix)), "aws"
        )
        self.zones = args.zones_in_use
        self.provider = aws.Provider(
            f"{name}-provider",
            region=args.region,
            allowed_account_ids=[args.account_id],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.description = pulumi.Output.from_input({"account_id": args.account_id, "region": args.region})
        self.register_outputs({"account_id": args.account_id, "region": args.region})

    def options(
        self,
        parent: pulumi.Resource,
        *,
        protect: bool = False,
        depends_on: Sequence[pulumi.Resource] = (),
        ignore_changes: Sequence[str] = (),
        delete_before_replace: bool | None = None,
    ) -> pulumi.ResourceOptions:
        """Return the options of a child of `parent`; what is protected is also kept in the cloud when it is deleted."""
        return pulumi.ResourceOptions(
            parent=parent,
            provider=self.provider,
            protect=protect or None,
            retain_on_delete=protect or None,
            depends_on=list(depends_on),
            ignore_changes=list(ignore_changes),
            delete_before_replace=delete_before_replace,
        )

    def tags(self, name: str, *, backup: bool = False) -> dict[str, str]:
        """Return the tags of one resource."""
        return self.args.tags.of(name, backup=backup)

    def physical_name(self, kind: str, *parts: str) -> str:
        """Return a name for `kind` that begins with the stack's."""
        return physical_name(kind, self.args.tags.stack, *parts)

    def arn(self, service: str, resource: str, *, regional: bool = True) -> str:
        """Return the ARN of something in this account."""
        return f"arn:{self.partition}:{service}:{self.region if regional else ''}:{self.account_id}:{resource}"

    def managed_policy(self, path: str) -> str:
        """Return the ARN of a policy that AWS keeps."""
        return f"arn:{self.partition}:iam::aws:policy/{path}"

    def service_linked_role(self, service: str, suffix: str) -> str:
        """Return the ARN of the role that a service made for itself in this account."""
        path = f"role/aws-service-role/{service}.amazonaws.com/AWSServiceRoleFor{suffix}"
        return self.arn("iam", path, regional=False)
