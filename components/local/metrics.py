"""The metrics exporter as a supervised process and, where its program is installed, Prometheus.

Prometheus keeps its samples in the stack's run folder: they are no data that must survive the stack.
"""

import shutil
from collections.abc import Mapping
from typing import ClassVar

import pulumi
from pydantic import BaseModel, ConfigDict, PositiveInt

from components.contracts import DatabaseEndpoint, MetricsEndpoint, SchemaState
from components.local.providers.config_file import ConfigFile
from components.local.providers.process import Process
from components.local.runtime_command import runtime_executable
from components.local.supervision import Program
from components.local.supervisor import Supervisor

ROLE = "metrics"
PROMETHEUS = "prometheus"


class MetricsArgs(BaseModel):
    """Whether Prometheus is run where it is installed, how often it scrapes and how much it keeps."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    run_prometheus: bool = True
    scrape_interval_s: PositiveInt = 5
    retention_days: PositiveInt = 7
    retention_mib: PositiveInt = 512
    start_timeout_s: PositiveInt = 30


class Metrics(pulumi.ComponentResource):
    """Export the figures of processes, database and catalog; `targets` are metrics addresses by process name.

    Outputs: url, prometheus_url (null where Prometheus is not run).
    """

    Args: ClassVar[type[MetricsArgs]] = MetricsArgs
    endpoint: MetricsEndpoint

    def __init__(
        self,
        name: str,
        args: MetricsArgs,
        *,
        platform: Supervisor,
        database: DatabaseEndpoint,
        schema: SchemaState,
        targets: Mapping[str, pulumi.Output[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:local:Metrics", name, {}, opts)
        layout = platform.layout
        config = ConfigFile(
            f"{name}-config",
            path=layout.config / "metrics.json",
            settings={
                "stack": platform.args.stack,
                "host": platform.args.host,
                "port": platform.port(ROLE),
                "dsn_file": database.dsn.reference,
                "pid_dir": str(layout.run),
                "targets": [{"process": process, "url": url} for process, url in targets.items()],
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[platform.folders]),
        )
        server = platform.process(
            f"{name}-server",
            role=ROLE,
            program=config.location.apply(
                lambda path: Program(name=ROLE, command=(runtime_executable(), "metrics", "--config", path))
            ),
            readiness={"url": platform.address(ROLE, "/healthz"), "timeout_s": args.start_timeout_s},
            triggers={"config": config.revision, "dsn": database.dsn.revision, "schema": schema.revision},
            opts=pulumi.ResourceOptions(parent=self),
        )
        url = pulumi.Output.all(server.urn, platform.address(ROLE, "/metrics")).apply(lambda known: str(known[1]))
        program = shutil.which(PROMETHEUS) if args.run_prometheus else None
        prometheus_url: pulumi.Output[str | None] = pulumi.Output.from_input(None)
        if program is not None:
            prometheus = self._prometheus(name, args, program, platform, {**targets, ROLE: url})
            address = platform.address(PROMETHEUS)
            prometheus_url = pulumi.Output.all(prometheus.urn, address).apply(lambda known: str(known[1]))
        self.endpoint = MetricsEndpoint(url=url, prometheus_url=prometheus_url)
        self.register_outputs({"url": url, "prometheus_url": prometheus_url})

    def _prometheus(
        self,
        name: str,
        args: MetricsArgs,
        program: str,
        platform: Supervisor,
        targets: Mapping[str, pulumi.Output[str]],
    ) -> Process:
        layout, interval = platform.layout, f"{args.scrape_interval_s}s"
        # Prometheus reads YAML, of which JSON is a part.
        config = ConfigFile(
            f"{name}-prometheus-config",
            path=layout.config / "prometheus.json",
            settings={
                "global": {"scrape_interval": interval, "scrape_timeout": interval},
                "scrape_configs": [
                    {
                        "job_name": process,
                        "static_configs": [
                            {"targets": [url.apply(_authority)], "labels": {"stack": platform.args.stack}}
                        ],
                    }
                    for process, url in targets.items()
                ],
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[platform.folders]),
        )
        return platform.process(
            f"{name}-prometheus",
            role=PROMETHEUS,
            program=pulumi.Output.all(config.location, platform.port(PROMETHEUS)).apply(
                lambda known: Program(
                    name=PROMETHEUS,
                    command=(
                        program,
                        f"--config.file={known[0]}",
                        f"--web.listen-address={platform.args.host}:{known[1]}",
                        f"--storage.tsdb.path={layout.run / PROMETHEUS}",
                        f"--storage.tsdb.retention.time={args.retention_days}d",
                        f"--storage.tsdb.retention.size={args.retention_mib}MB",
                    ),
                )
            ),
            readiness={"url": platform.address(PROMETHEUS, "/-/ready"), "timeout_s": args.start_timeout_s},
            triggers={"config": config.revision},
            opts=pulumi.ResourceOptions(parent=self),
        )


def _authority(url: str) -> str:
    return url.removeprefix("http://").partition("/")[0]
