"""The model that a stack serves."""

from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from stacks.settings.section import Section


class ModelSettings(Section):
    """Which model is served, and how much of the machine it may take."""

    source: str = Field(default="sample:smollm2-135m-instruct", min_length=1)
    """`sample:smollm2-135m-instruct`, `tiny` (generated), a local folder, or a hub id `owner/name[@revision]`."""
    name: str | None = Field(default=None, min_length=1)
    """Name under which clients ask for the model; the source's own when absent."""
    shards: PositiveInt = 1
    """Tensor-parallel degree: processes that each hold a part of every layer."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs; `auto` takes a GPU where there is one."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format of the weights in memory."""
    threads: int = Field(default=0, ge=0)
    """Threads in each shard's process; 0 leaves the choice to the engine."""
    max_batch_size: PositiveInt = 8
    """Requests that generate at the same time."""
    max_concurrent_requests: PositiveInt = 128
    """Requests that may wait or run; more are refused."""
    max_input_tokens: PositiveInt = 1024
    """Longest prompt in tokens."""
    max_total_tokens: PositiveInt = 2048
    """Longest prompt and answer together in tokens."""
    start_timeout_s: PositiveInt = 300
    """How long the model may take to load."""

    @model_validator(mode="after")
    def _leave_room_for_an_answer(self) -> "ModelSettings":
        if self.max_input_tokens >= self.max_total_tokens:
            raise ValueError("max_input_tokens must be less than max_total_tokens, or no token is left for an answer")
        return self
