"""Settings of the model server process."""

from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt

from inferloop_runtime.settings_file import ProcessSettings


class ServeSettings(ProcessSettings):
    """Say which model the embedded engine serves, where it listens and how much it may take.

    `threads` is torch's intra-operation thread count in each shard process; 0 leaves the choice to the engine.
    `run_dir` receives `shards.json`, which maps each shard's rank to its process id.
    """

    model_path: Path
    """Folder of the prepared model, with its manifest."""
    model_id: str
    """Name under which clients ask for the model."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(ge=0, le=65535)
    """Port to listen on; 0 lets the kernel choose."""
    shards: PositiveInt = 1
    """Tensor-parallel degree: processes that each hold a part of every layer."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs; `auto` takes a GPU where there is one."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format of the weights in memory."""
    threads: int = Field(default=0, ge=0)
    """Torch's threads in each shard's process; 0 leaves the choice to the engine."""
    max_batch_size: PositiveInt = 8
    """Requests that generate at the same time."""
    max_concurrent_requests: PositiveInt = 128
    """Requests that may wait or run; more are refused."""
    max_input_tokens: PositiveInt = 1024
    """Longest prompt in tokens."""
    max_total_tokens: PositiveInt = 2048
    """Longest prompt and answer together in tokens."""
    max_body_bytes: PositiveInt = 2_000_000
    """Largest request body."""
    request_timeout_s: PositiveInt = 600
    """Longest time for one request."""
    drain_timeout_s: PositiveInt = 30
    """How long running requests may take to end after SIGTERM."""
    run_dir: Path
    """Folder that receives `shards.json`."""
