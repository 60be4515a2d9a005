"""Real embedded engines for tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from inferloop_runtime.serving.embedded import EmbeddedEngine
from inferloop_runtime.serving.engine import GeneratedToken, GenerationEnd, GenerationRequest, SamplingParameters
from inferloop_runtime.serving.settings import ServeSettings

from tests.support.tiny_model import tiny_model

# Starting means importing torch, which takes long on a machine that does much else.
START_TIMEOUT_S = 120


def engine_settings(run_dir: Path, **changes: Any) -> ServeSettings:
    """Return settings that serve the tiny model in one shard on one thread."""
    values = {"model_path": tiny_model(), "model_id": "tiny", "port": 0, "threads": 1, "run_dir": run_dir} | changes
    return ServeSettings(**values)


async def wait_until_healthy(engine: EmbeddedEngine) -> None:
    """Wait until all shards answer."""
    async with asyncio.timeout(START_TIMEOUT_S):
        while not engine.healthy:
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running_engine(run_dir: Path, **changes: Any) -> AsyncIterator[EmbeddedEngine]:
    """Run an engine until the block ends."""
    engine = EmbeddedEngine(engine_settings(run_dir, **changes))
    await engine.start()
    try:
        await wait_until_healthy(engine)
        yield engine
    finally:
        await engine.stop()


def generation(
    engine: EmbeddedEngine, prompt: str, new: int = 16, sampling: dict[str, Any] | None = None, **changes: Any
) -> GenerationRequest:
    """Return a request that does not end by itself before `new` tokens."""
    return GenerationRequest(
        request_id="test",
        prompt_token_ids=tuple(engine.tokenizer.encode(prompt)),
        max_new_tokens=new,
        sampling=SamplingParameters(**(sampling or {})),
        **({"ignore_eos": True} | changes),
    )


async def collect(engine: EmbeddedEngine, request: GenerationRequest) -> tuple[list[GeneratedToken], GenerationEnd]:
    """Run one generation to its end."""
    tokens: list[GeneratedToken] = []
    async for event in engine.generate(request):
        if isinstance(event, GenerationEnd):
            return tokens, event
        tokens.append(event)
    raise AssertionError("the generation had no end")
