"""Run generations for the HTTP layer: limits, admission, deadlines, failures and metrics, for both APIs alike."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

from inferloop_runtime.errors import EngineError
from inferloop_runtime.serving.api.errors import Problem, RequestError
from inferloop_runtime.serving.api.http import Request
from inferloop_runtime.serving.api.metrics import ServeMetrics
from inferloop_runtime.serving.engine import (
    Engine,
    GeneratedToken,
    GenerationEnd,
    GenerationEvent,
    GenerationRequest,
)
from inferloop_runtime.serving.settings import ServeSettings

# Tokenising this much text takes about a millisecond; longer texts would hold up the other requests' streams.
_INLINE_CHARACTERS = 16_384


@dataclass(frozen=True, slots=True)
class Generation:
    """One finished generation."""

    tokens: tuple[GeneratedToken, ...]
    end: GenerationEnd


class GenerationService:
    """Give both APIs one way to the engine."""

    def __init__(self, engine: Engine, settings: ServeSettings) -> None:
        self.engine = engine
        self.settings = settings
        self.metrics = ServeMetrics(engine, settings)
        self._running = 0
        self._tokenizing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tokenize")

    @property
    def running(self) -> int:
        """Count the generations that are admitted and not ended."""
        return self._running

    @property
    def max_total_tokens(self) -> int:
        """Tell how many tokens prompt and output may have together."""
        return min(self.settings.max_total_tokens, self.engine.info.sequence_limit)

    @property
    def max_input_tokens(self) -> int:
        """Tell how many tokens a prompt may have, so that at least one can be generated."""
        return min(self.settings.max_input_tokens, self.max_total_tokens - 1)

    def require_ready(self) -> None:
        """Refuse the request where the engine does not answer (503)."""
        if not self.engine.healthy:
            raise RequestError(Problem.UNHEALTHY, "unhealthy: the model is loading or a shard is being restarted")

    def close(self) -> None:
        """Release the tokenising thread."""
        self._tokenizing.shutdown(wait=False)

    async def encode(self, text: str) -> tuple[int, ...]:
        """Return the token ids of `text`; long texts are tokenised beside the event loop."""
        if len(text) <= _INLINE_CHARACTERS:
            return tuple(self.engine.tokenizer.encode(text))
        loop = asyncio.get_running_loop()
        return tuple(await loop.run_in_executor(self._tokenizing, self.engine.tokenizer.encode, text))

    async def generate(self, request: Request, generation: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        """Yield the engine's events; the last is a GenerationEnd.

        Raises RequestError: OVERLOADED before the first event where `max_concurrent_requests` are running, then
        GENERATION where the engine fails, TIMEOUT after `request_timeout_s`, INCOMPLETE without an end. Closing it
        early cancels the generation.
        """
        if self._running >= self.settings.max_concurrent_requests:
            self.metrics.failures.add(value="overloaded")
            raise RequestError(Problem.OVERLOADED, "Model is overloaded")
        self._running += 1
        metrics = self.metrics
        queued_at_s = time.perf_counter()
        metrics.validation_duration.observe(queued_at_s - request.received_at_s)
        metrics.input_length.observe(len(generation.prompt_token_ids))
        metrics.max_new_tokens.observe(generation.max_new_tokens)
        metrics.prompt_tokens.add(len(generation.prompt_token_ids))
        request.log["prompt_tokens"] = request.log.get("prompt_tokens", 0) + len(generation.prompt_token_ids)
        count = 0
        ended = False
        try:
            # The protocol's iterators are asynchronous generators: closing them is how a request is cancelled.
            events = cast("AsyncGenerator[GenerationEvent, None]", self.engine.generate(generation))
            async with aclosing(events):
                deadline = asyncio.get_running_loop().time() + self.settings.request_timeout_s
                while True:
                    async with asyncio.timeout_at(deadline):
                        event = await anext(events, None)
                    if event is None:
                        metrics.failures.add(value="incomplete")
                        raise RequestError(Problem.INCOMPLETE, "Incomplete generation")
                    if isinstance(event, GeneratedToken):
                        if count == 0:
                            metrics.time_to_first_token.observe(time.perf_counter() - request.received_at_s)
                        count += 1
                        metrics.generated_tokens.add()
                        yield event
                        continue
                    ended = True
                    now_s = time.perf_counter()
                    metrics.successes.add()
                    metrics.duration.observe(now_s - request.received_at_s)
                    metrics.inference_duration.observe(now_s - queued_at_s)
                    metrics.mean_time_per_token.observe((now_s - queued_at_s) / max(count, 1))
                    metrics.generated_length.observe(event.completion_tokens)
                    yield event
                    return
        except TimeoutError:
            metrics.failures.add(value="timeout")
            limit_s = self.settings.request_timeout_s
            raise RequestError(Problem.TIMEOUT, f"the generation took longer than {limit_s} s") from None
        except EngineError as error:
            metrics.failures.add(value="generation")
            raise RequestError(Problem.GENERATION, f"Request failed during generation: {error}") from error
        except (asyncio.CancelledError, GeneratorExit):
            if not ended:
                metrics.cancellations.add()
            raise
        finally:
            self._running -= 1
            request.log["completion_tokens"] = request.log.get("completion_tokens", 0) + count

    async def collect(self, request: Request, generation: GenerationRequest) -> Generation:
        """Return one generation when it has ended; raises what `generate` raises."""
        tokens: list[GeneratedToken] = []
        async with aclosing(self.generate(request, generation)) as events:
            async for event in events:
                if isinstance(event, GenerationEnd):
                    return Generation(tuple(tokens), event)
                tokens.append(event)
        raise RequestError(Problem.INCOMPLETE, "Incomplete generation")


def new_generation_id() -> str:
    """Return an id that no other generation of this process has."""
    return uuid.uuid4().hex
