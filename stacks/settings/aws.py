"""Settings of stacks on AWS, a class for each phase."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from stacks.settings.cloud import EnterpriseFields, OptimizedFields, PilotFields, ScaleUpFields, StagingFields
from stacks.settings.section import Section


class AwsAccount(Section):
    """Where on AWS the stack is."""

    cloud: Literal["aws"]
    """Where the stack runs."""
    account_id: Annotated[str, Field(pattern=r"^[0-9]{12}$")]
    """Number of the account, as text; credentials of any other are refused."""
    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")
    """Region of everything."""
    zones: tuple[str, ...] = ()
    """Availability zones; the region's first three where none is named."""

    def platform_args(self) -> Mapping[str, Any]:
        """Return what the cloud's platform is told, tags apart."""
        return {"account_id": self.account_id, "region": self.region, "zones": self.zones}


class StagingSettings(AwsAccount, StagingFields):
    """Phase 2 on AWS."""

    phase: Literal["staging"]
    """The phase that the stack is in; it decides what the stack consists of."""


class PilotSettings(AwsAccount, PilotFields):
    """Phase 3 on AWS."""

    phase: Literal["pilot"]
    """The phase that the stack is in; it decides what the stack consists of."""


class ScaleUpSettings(AwsAccount, ScaleUpFields):
    """Phase 4 on AWS."""

    phase: Literal["scale_up"]
    """The phase that the stack is in; it decides what the stack consists of."""


class EnterpriseSettings(AwsAccount, EnterpriseFields):
    """Phase 5 on AWS."""

    phase: Literal["enterprise"]
    """The phase that the stack is in; it decides what the stack consists of."""


class OptimizedSettings(AwsAccount, OptimizedFields):
    """Phase 8 on AWS."""

    phase: Literal["optimized"]
    """The phase that the stack is in; it decides what the stack consists of."""
