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
    model_id: str
    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65535)
    shards: PositiveInt = 1
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    threads: int = Field(default=0, ge=0)
    max_batch_size: PositiveInt = 8
    max_concurrent_requests: PositiveInt = 128
    max_input_tokens: PositiveInt = 1024
    max_total_tokens: PositiveInt = 2048
    request_timeout_s: PositiveInt = 600
    drain_timeout_s: PositiveInt = 30
    run_dir: Path
