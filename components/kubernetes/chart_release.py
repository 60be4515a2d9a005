"""One Helm chart as a release of the cluster, at the version that the lock of charts names.

The provider fetches the package itself and takes no digest, so that a release can only note the digest that is locked;
`python tools/charts resolve` is what compares packages with it.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, PositiveInt, field_validator

from components.catalog.charts import Chart, load_charts
from components.errors import CatalogError

_KEPT_REVISIONS = 5


class ChartReleaseArgs(BaseModel):
    """The chart by its name in the lock, and how long one operation of its installation may take, in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    chart: str
    timeout_s: PositiveInt = 600

    @field_validator("chart")
    @classmethod
    def _is_locked(cls, chart: str) -> str:
        try:
            load_charts().chart(chart)
        except CatalogError as error:
            raise ValueError(str(error)) from None
        return chart

    @property
    def locked(self) -> Chart:
        """The chart's entry in the lock."""
        return load_charts().chart(self.chart)


class ChartRelease(pulumi.ComponentResource):
    """Install one chart and wait until it runs; a failed installation or upgrade is taken back as a whole.

    Outputs: name (of the release), version, digest (of the package, null where the lock has none yet). `release` is
    what objects of the chart's kinds are made after. It makes no namespace.
    """

    Args: ClassVar[type[ChartReleaseArgs]] = ChartReleaseArgs
    name: pulumi.Output[str]
    release: kubernetes.helm.v3.Release

    def __init__(
        self,
        name: str,
        args: ChartReleaseArgs,
        *,
        namespace: pulumi.Input[str],
        values: Mapping[str, Any],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:kubernetes:ChartRelease", name, {}, opts)
        locked = args.locked
        repository = kubernetes.helm.v3.RepositoryOptsArgs(repo=locked.repository)
        self.release = kubernetes.helm.v3.Release(
            f"{name}-release",
            # Services and service accounts are named after the release, and others call them by name.
            name=locked.name,
            chart=locked.reference,
            version=locked.version,
            repository_opts=None if locked.is_oci else repository,
            namespace=namespace,
            create_namespace=False,
            values=dict(values),
            atomic=True,
            cleanup_on_fail=True,
            max_history=_KEPT_REVISIONS,
            timeout=args.timeout_s,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.name = self.release.id.apply(lambda _: locked.name)
        self.register_outputs({"name": self.name, "version": locked.version, "digest": locked.digest})
