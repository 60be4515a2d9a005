"""What a model server is asked to do, in words of no engine."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

# TGI's image passes its arguments through an unquoted `$@`, which would split them at blanks.
_Word = Annotated[str, Field(pattern=r"^[^\s]+$")]


class EngineKind(StrEnum):
    """The engines that serve TGI's and OpenAI's APIs, or OpenAI's alone."""

    TGI = "tgi"
    VLLM = "vllm"
    SGLANG = "sglang"
    EMBEDDED = "embedded"


class ServingSpec(BaseModel):
    """One model, how it is split, and how much it accepts; serving_engines.py renders it for each engine.

    Tokens are counted per request: `max_input_tokens` of the prompt, `max_total_tokens` of prompt and answer together.
    `model_path` is a folder of the container. `dtype` "auto" leaves the choice to the engine; weights that were stored
    in another `quantization`, or are to be read as `fp8`, have none of their own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    engine: EngineKind = EngineKind.TGI
    model_id: _Word
    model_path: _Word = "/models/current"
    shards: PositiveInt = 1
    device: Literal["cuda", "cpu"] = "cuda"
    dtype: Literal["auto", "float16", "bfloat16", "float32"] = "auto"
    quantization: Literal["awq", "gptq", "fp8"] | None = None
    max_input_tokens: PositiveInt = 4096
    max_total_tokens: PositiveInt = 8192
    max_batch_size: PositiveInt = 64
    max_concurrent_requests: PositiveInt = 256
    port: int = Field(default=8080, ge=1024, le=65535)
    drain_timeout_s: PositiveInt = 60

    @model_validator(mode="after")
    def _be_servable(self) -> Self:
        if self.max_input_tokens >= self.max_total_tokens:
            raise ValueError("max_input_tokens must be less than max_total_tokens, or no token is left for an answer")
        if self.engine is EngineKind.TGI and self.dtype == "float32":
            raise ValueError("engine tgi has no dtype float32; choose float16, bfloat16 or auto, or another engine")
        if self.quantization is not None and (self.engine is EngineKind.EMBEDDED or self.dtype != "auto"):
            raise ValueError(
                f"quantization {self.quantization} needs dtype auto and an engine other than embedded; change those, "
                "or remove quantization"
            )
        if self.device == "cpu" and self.engine is not EngineKind.EMBEDDED:
            raise ValueError(f"engine {self.engine} needs a GPU here; choose engine embedded for device cpu")
        return self
