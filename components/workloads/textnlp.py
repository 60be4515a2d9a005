"""The tenant textnlp: large language models on GPUs, scaled by their queues and tokens."""

from typing import ClassVar, Self

import pulumi
from pydantic import BaseModel, ConfigDict, model_validator

from components.workloads.language_service import Foundations, LanguageService, LanguageServiceArgs


class TextNlpArgs(BaseModel):
    """The service; every one of its models runs on GPUs."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    service: LanguageServiceArgs

    @model_validator(mode="after")
    def _run_on_gpus(self) -> Self:
        idle = [model for model, served in self.service.models.items() if not served.server.plan.gpus]
        if idle:
            raise ValueError(f"textnlp serves from GPUs, and these models are planned for CPU: {', '.join(idle)}")
        return self


class TextNlp(pulumi.ComponentResource):
    """Serve text generation.

    Output: url.
    """

    Args: ClassVar[type[TextNlpArgs]] = TextNlpArgs
    service: LanguageService

    def __init__(
        self, name: str, args: TextNlpArgs, *, foundations: Foundations, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("inferloop:workloads:TextNlp", name, {}, opts)
        self.service = LanguageService(
            name, args.service, foundations=foundations, opts=pulumi.ResourceOptions(parent=self)
        )
        self.register_outputs({"url": self.service.url})
