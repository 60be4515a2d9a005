"""The embedded model server as a supervised process on loopback, with the served model's row and shard plan.

Several shards are processes of its own, started by its front process; the supervisor sees one program.
"""

from typing import ClassVar, Literal

import pulumi
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from components.contracts import DatabaseEndpoint, ModelArtifact, ModelEndpoint, SchemaState
from components.local.providers.config_file import ConfigFile
from components.local.providers.model_registration import ModelRegistration, ShardPlan
from components.local.runtime_command import runtime_executable
from components.local.supervision import Program
from components.local.supervisor import Supervisor

ROLE = "model_server"
_PROGRAM = "model-server"
_DRAIN_S = 30


class ModelServerArgs(BaseModel):
    """How the model is split and how much it may take; `threads` 0 leaves the choice to the engine."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    shards: PositiveInt = 1
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    threads: int = Field(default=0, ge=0)
    max_batch_size: PositiveInt = 8
    max_concurrent_requests: PositiveInt = 128
    max_input_tokens: PositiveInt = 1024
    max_total_tokens: PositiveInt = 2048
    start_timeout_s: PositiveInt = 300


class ModelServer(pulumi.ComponentResource):
    """Serve one model by TGI's and OpenAI's APIs, register it, and plan its shards.

    Outputs: url, model_id, shards, shard_plan.
    """

    Args: ClassVar[type[ModelServerArgs]] = ModelServerArgs
    endpoint: ModelEndpoint

    def __init__(
        self,
        name: str,
        args: ModelServerArgs,
        *,
        platform: Supervisor,
        artifact: ModelArtifact,
        database: DatabaseEndpoint,
        schema: SchemaState,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:local:ModelServer", name, {}, opts)
        layout = platform.layout
        inside = pulumi.ResourceOptions(parent=self)
        settings = args.model_dump(exclude={"start_timeout_s"})
        config = ConfigFile(
            f"{name}-config",
            path=layout.config / "model-server.json",
            settings={
                **settings,
                "model_path": artifact.uri,
                "model_id": artifact.model_id,
                "host": platform.args.host,
                "port": platform.port(ROLE),
                "drain_timeout_s": _DRAIN_S,
                "run_dir": str(layout.run),
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[platform.folders]),
        )
        server = platform.process(
            f"{name}-server",
            role=ROLE,
            program=config.location.apply(
                lambda path: Program(
                    name=_PROGRAM,
                    command=(runtime_executable(), "serve", "--config", path),
                    stop_timeout_s=_DRAIN_S + 5,
                )
            ),
            readiness={"url": platform.address(ROLE, "/health"), "timeout_s": args.start_timeout_s},
            triggers={"config": config.revision, "weights": artifact.revision},
            opts=inside,
        )
        ModelRegistration(
            f"{name}-registration",
            inputs={
                "dsn_file": database.dsn.reference,
                "model_path": artifact.uri,
                "model_id": artifact.model_id,
                "revision": artifact.revision,
                "schema_revision": schema.revision,
            },
            opts=inside,
        )
        plan = ShardPlan(
            f"{name}-plan",
            inputs={
                "model_path": artifact.uri,
                "revision": artifact.revision,
                "shards": args.shards,
                "secrets_dir": str(layout.secrets),
            },
            opts=inside,
        )
        url = pulumi.Output.all(server.urn, platform.address(ROLE)).apply(lambda known: str(known[1]))
        self.endpoint = ModelEndpoint(
            model_id=artifact.model_id,
            url=url,
            metrics_url=pulumi.Output.concat(url, "/metrics"),
            shards=pulumi.Output.from_input(args.shards),
            shard_plan=plan.plan,
        )
        self.register_outputs(
            {"url": url, "model_id": artifact.model_id, "shards": args.shards, "shard_plan": plan.plan}
        )
