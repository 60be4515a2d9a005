"""One capture job and the data set that it keeps; the data lie in a protected volume."""

from typing import Any, ClassVar

import pulumi
from pydantic import BaseModel, ConfigDict, Field

from components.contracts import CapturedDataset, DatabaseEndpoint, SchemaState, SecretHandle, VolumeHandle
from components.local.providers.capture_job import CaptureJob
from components.local.providers.config_file import ConfigFile
from components.local.supervisor import Supervisor


class CaptureArgs(BaseModel):
    """The data set, its source and its columns, as the capture framework declares them."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    dataset: str
    uri: str
    format: str = "csv"
    columns: tuple[dict[str, Any], ...] = Field(min_length=1)
    max_quarantined_fraction: float = 0.1


class Capture(pulumi.ComponentResource):
    """Capture one data set: extract, validate, protect privacy, characterise, write Parquet and a catalog row.

    Outputs: path, version, row_count.
    """

    Args: ClassVar[type[CaptureArgs]] = CaptureArgs
    dataset: CapturedDataset

    def __init__(
        self,
        name: str,
        args: CaptureArgs,
        *,
        platform: Supervisor,
        volume: VolumeHandle,
        database: DatabaseEndpoint,
        schema: SchemaState,
        privacy_key: SecretHandle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:local:Capture", name, {}, opts)
        config = ConfigFile(
            f"{name}-config",
            path=platform.layout.config / f"capture-{args.dataset}.json",
            settings={
                "job": args.dataset,
                "dataset": args.dataset,
                "source": {"engine": "file", "uri": args.uri, "format": args.format},
                "columns": list(args.columns),
                "datasets_dir": volume.uri,
                "state_dir": volume.uri.apply(lambda uri: f"{uri}/.state"),
                "dsn_file": database.dsn.reference,
                "privacy_key_file": privacy_key.reference,
                "max_quarantined_fraction": args.max_quarantined_fraction,
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[platform.folders]),
        )
        job = CaptureJob(
            f"{name}-job",
            inputs={
                "config_file": config.location,
                "config_revision": config.revision,
                "dataset": args.dataset,
                "dsn_file": database.dsn.reference,
                "datasets_dir": volume.uri,
                "schema_revision": schema.revision,
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.dataset = CapturedDataset(
            name=pulumi.Output.from_input(args.dataset), uri=job.path, version=job.version, row_count=job.row_count
        )
        self.register_outputs({"path": job.path, "version": job.version, "row_count": job.row_count})
