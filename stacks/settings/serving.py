"""Settings of what is deployed into a cluster: images, models, gateway and captured tables."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from stacks.settings.capture import STOCKS, CaptureJobSettings
from stacks.settings.foundation import PoolName
from stacks.settings.operations import Domain
from stacks.settings.section import Section

ImageReference = Annotated[str, Field(pattern=r"^[a-z0-9][^\s@]*@sha256:[0-9a-f]{64}$")]
ModelName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$")]


class ImageSettings(Section):
    """Images by digest. A missing one may be previewed, but not deployed."""

    runtime: ImageReference | None = None
    """Target `cpu` of runtime/Containerfile: gateway, capture, migrations and the embedded engine."""
    tgi: ImageReference | None = None
    """Target `tgi` of runtime/Containerfile."""
    vllm: ImageReference | None = None
    """A vLLM image that runs as user 10001."""
    sglang: ImageReference | None = None
    """An SGLang image that runs as user 10001."""
    velero_plugin: ImageReference | None = None
    """Velero's plugin for the cloud; needed from phase 3 on."""


class PlanSettings(Section):
    """What `inferloop plan MODEL --json` says of the model on its pool's machine."""

    weights_bytes_per_shard: PositiveInt
    """Weights that one GPU holds, in bytes."""
    memory_bytes_per_shard: PositiveInt
    """Weights, cache and overhead of one GPU together, in bytes."""
    context_tokens: PositiveInt
    """Longest prompt and answer together that the plan holds."""
    cold_start_s: NonNegativeFloat | None = None
    """Predicted time from an empty node to the first answer, in seconds."""


class AutoscalingSettings(Section):
    """How many replicas there may be, and the load that one of them should carry."""

    minimum: NonNegativeInt = 1
    """Fewest replicas; with 0 the last one goes after `idle_s`, and the next request waits for a cold start."""
    maximum: PositiveInt = 4
    """Most replicas."""
    tokens_per_s: PositiveFloat
    """Generated tokens per second of one replica."""
    waiting_requests: PositiveInt = 8
    """Waiting requests of one replica."""
    idle_s: PositiveInt = 900
    """Quiet time before a replica is given up, in seconds."""

    @model_validator(mode="after")
    def _be_in_order(self) -> "AutoscalingSettings":
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}; lower it")
        return self


class ServedModelSettings(Section):
    """One model: where it comes from, how it is split and where it runs."""

    source: str = Field(pattern=r"^([\w.-]+/[\w.-]+@[0-9a-f]{40}|tiny|sample:[a-z0-9.-]+)$")
    """A hub id at a commit, `owner/name@<40 digits>`, or `sample:smollm2-135m-instruct`."""
    name: str | None = Field(default=None, pattern=r"^\S+$")
    """Name under which clients ask for the model; the source without its revision where absent."""
    engine: Literal["tgi", "vllm", "sglang", "embedded"] = "tgi"
    """The engine that serves it; `embedded` is the one that runs without a GPU."""
    pool: PoolName | None = None
    """The GPU pool that it runs on; none runs it on processors."""
    shards: PositiveInt = 1
    """Tensor-parallel degree: GPUs over which each layer is split."""
    dtype: Literal["auto", "float16", "bfloat16", "float32"] = "auto"
    """Number format of the weights in memory."""
    quantization: Literal["awq", "gptq", "fp8"] | None = None
    """How the weights are quantised; with one, `dtype` stays `auto`."""
    plan: PlanSettings
    """The planner's figures."""
    max_input_tokens: PositiveInt = 1024
    """Longest prompt in tokens."""
    max_total_tokens: PositiveInt = 2048
    """Longest prompt and answer together in tokens."""
    max_batch_size: PositiveInt = 64
    """Requests that generate at the same time."""
    max_concurrent_requests: PositiveInt = 256
    """Requests that may wait or run; more are refused."""
    replicas: PositiveInt = 1
    """Replicas, where they are not scaled."""
    autoscaling: AutoscalingSettings | None = None
    """Scales replicas by waiting requests and generated tokens."""

    @model_validator(mode="after")
    def _be_servable(self) -> "ServedModelSettings":
        if self.max_input_tokens >= self.max_total_tokens:
            raise ValueError("max_input_tokens must be less than max_total_tokens, or no token is left for an answer")
        if self.max_total_tokens > self.plan.context_tokens:
            raise ValueError(
                f"max_total_tokens {self.max_total_tokens} is more than plan.context_tokens "
                f"{self.plan.context_tokens}; plan with `inferloop plan --context-tokens {self.max_total_tokens}`"
            )
        if (self.pool is None) != (self.engine == "embedded"):
            raise ValueError("engine embedded runs without a pool, and every other engine on one; change one of them")
        if self.quantization is not None and (self.engine == "embedded" or self.dtype != "auto"):
            raise ValueError("quantization needs dtype: auto and an engine other than embedded; change those")
        if self.engine == "tgi" and self.dtype == "float32":
            raise ValueError("engine tgi has no dtype float32; choose float16, bfloat16 or auto, or another engine")
        if self.pool is None and self.shards != 1:
            raise ValueError("a model without a pool has one shard; set shards: 1, or name a pool")
        return self

    @property
    def model_id(self) -> str:
        """The name under which clients ask for the model."""
        return self.name or self.source.split("@", 1)[0]


class GatewaySettings(Section):
    """The API layer."""

    replicas: PositiveInt = 2
    """Fewest replicas."""
    max_replicas: PositiveInt = 10
    """Most replicas; between the two the processor's load decides."""
    cpu_millicores: PositiveInt = 500
    """Processor that each asks for, in thousandths."""
    memory_mib: PositiveInt = 512
    """Memory of each, in MiB."""


class TableSettings(CaptureJobSettings):
    """One captured table and when it is captured."""

    schedule: str | None = Field(default=None, pattern=r"^(\S+\s+){4}\S+$")
    """Cron expression in UTC; without one it is captured only when this changes."""


class TabularSettings(Section):
    """The second tenant: captured tables, and a small model that is asked about them."""

    model: ServedModelSettings
    """The model; it may run on processors."""
    tables: tuple[TableSettings, ...] = Field(
        default=(TableSettings(**STOCKS.model_dump(), schedule="17 3 * * *"),), min_length=1
    )
    """The tables."""
    storage_gib: PositiveInt = 20
    """Volume of the captured data, in GiB."""
    hostname: Domain
    """Public name of its gateway."""


class TextNlpSettings(Section):
    """The first tenant: language models on GPUs."""

    models: dict[ModelName, ServedModelSettings] = Field(min_length=1)
    """The models by the name of their Deployment."""
    hostname: Domain
    """Public name of its gateway."""
