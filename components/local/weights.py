"""A model's files in the stack's folder. It serves nothing."""

from typing import ClassVar

import pulumi
from pydantic import BaseModel, ConfigDict

from components.contracts import ModelArtifact
from components.local.layout import folder_name
from components.local.providers.weights import PreparedWeights
from components.local.supervisor import Supervisor


class WeightsArgs(BaseModel):
    """The model's source, as `inferloop-runtime weights prepare` takes it, and the name that it is served under."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    source: str
    name: str | None = None


class Weights(pulumi.ComponentResource):
    """Fetch or convert a model's files once, verify them, and mend those that were damaged.

    Outputs: model_id, path, revision.
    """

    Args: ClassVar[type[WeightsArgs]] = WeightsArgs
    artifact: ModelArtifact

    def __init__(
        self, name: str, args: WeightsArgs, *, platform: Supervisor, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("inferloop:local:Weights", name, {}, opts)
        files = PreparedWeights(
            f"{name}-files",
            source=args.source,
            folder=platform.layout.models / folder_name(args.source),
            secrets_dir=platform.layout.secrets,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[platform.folders]),
        )
        model_id = pulumi.Output.from_input(args.name) if args.name else files.model_id
        self.artifact = ModelArtifact(model_id=model_id, uri=files.location, revision=files.revision)
        self.register_outputs({"model_id": model_id, "path": files.location, "revision": files.revision})
