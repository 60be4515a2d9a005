"""The tenant tabular: tables that are captured on a schedule, and a small model that is asked about them."""

from collections.abc import Mapping
from typing import ClassVar, Self

import pulumi
from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.contracts import WorkloadPrincipal
from components.kubernetes.capture import Capture, CaptureArgs
from components.kubernetes.claim import Claim, ClaimArgs
from components.kubernetes.priority_classes import Priority
from components.workloads.language_service import Foundations, LanguageService, LanguageServiceArgs


class TabularArgs(BaseModel):
    """The service, its tables, and the volume that keeps them. Each column of a table says what privacy asks of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    service: LanguageServiceArgs
    tables: tuple[CaptureArgs, ...] = Field(min_length=1)
    volume: ClaimArgs

    @model_validator(mode="after")
    def _decide_on_privacy(self) -> Self:
        names = [table.dataset for table in self.tables]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"tables declared twice: {', '.join(twice)}")
        open_columns = [
            f"{table.dataset}.{column.get('name')}"
            for table in self.tables
            for column in table.columns
            if "privacy" not in column
        ]
        if open_columns:
            raise ValueError(f"give each of these columns a privacy (keep, hash, mask or drop): {open_columns}")
        return self


class Tabular(pulumi.ComponentResource):
    """Capture tables into a protected volume, and serve a model to those who ask about them.

    Outputs: url, datasets.
    """

    Args: ClassVar[type[TabularArgs]] = TabularArgs
    service: LanguageService
    datasets: Mapping[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        args: TabularArgs,
        *,
        foundations: Foundations,
        identity: WorkloadPrincipal | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:workloads:Tabular", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self)
        service = LanguageService(name, args.service, foundations=foundations, opts=inside)
        self.service = service
        claim = Claim(f"{name}-datasets", args.volume, namespace=service.namespace, opts=inside).claim
        self.datasets = {
            table.dataset: Capture(
                f"{name}-{table.dataset}",
                table,
                namespace=service.namespace,
                claim=claim,
                database=service.database,
                schema=service.schema,
                privacy_key=service.secrets["privacy-key"],
                identity=identity,
                priority_class=foundations.priorities[Priority.BATCH],
                opts=inside,
            ).dataset
            for table in args.tables
        }
        self.register_outputs({"url": service.url, "datasets": self.datasets})
