"""The embedded engine: transformers models, sharded and continuously batched, in processes of their own."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from typing import Any

from inferloop_runtime.errors import EngineError
from inferloop_runtime.serving.embedded.model_folder import read_model_facts
from inferloop_runtime.serving.embedded.shard_processes import ShardHost, ShardProcesses, default_threads
from inferloop_runtime.serving.embedded.text_stream import TextStream
from inferloop_runtime.serving.engine import (
    EngineInfo,
    FinishReason,
    GeneratedToken,
    GenerationEnd,
    GenerationEvent,
    GenerationRequest,
    TokenAlternative,
)
from inferloop_runtime.serving.planner.degrees import require_degree
from inferloop_runtime.serving.settings import ServeSettings
from inferloop_runtime.serving.tokenizer import load_tokenizer
from inferloop_runtime.serving.weights.manifest import MANIFEST_NAME, read_manifest

_logger = logging.getLogger("inferloop.serving")

_FIRST_RESTART_DELAY_S = 0.2
_LONGEST_RESTART_DELAY_S = 10.0
# A shard that worked this long before it was lost starts again without the delay of earlier losses.
_STEADY_S = 60.0
# No step takes this long; shards that show nothing for it while requests run are stuck, and are started again.
_STALL_S = 180.0


@dataclass(slots=True)
class _Running:
    request: GenerationRequest
    seed: int | None
    events: "asyncio.Queue[list[Any] | EngineError]" = field(default_factory=asyncio.Queue)


class EmbeddedEngine:
    """Serve one model folder; implements `Engine`.

    One process a shard runs the model; this class lives in the HTTP process, imports no torch, and only tokenises,
    detokenises and passes messages. When a shard is lost all requests fail with EngineError, and the whole set starts
    again, with growing delays while it keeps failing.
    """

    def __init__(self, settings: ServeSettings) -> None:
        """Read the model's configuration and tokenizer.

        Raises ModelError where the folder is no model, and ShardingError where it cannot be split in `shards`.
        """
        self._settings = settings
        self._facts = read_model_facts(settings.model_path)
        require_degree(self._facts.config, settings.shards)
        self.tokenizer = load_tokenizer(settings.model_path)
        has_manifest = (settings.model_path / MANIFEST_NAME).is_file()
        self._revision = read_manifest(settings.model_path).revision if has_manifest else "unknown"
        self._device = "cpu" if settings.device == "auto" else settings.device
        self._dtype = self._facts.dtype if settings.dtype == "auto" else settings.dtype
        self._shards: ShardProcesses | None = None
        self._supervision: asyncio.Task[None] | None = None
        self._healthy = False
        self._last_failure = "its shards are still loading"
        self._last_message_s = 0.0
        self._running: dict[str, _Running] = {}
        self._batch_size = 0
        self._keys = 0

    @property
    def info(self) -> EngineInfo:
        """Describe the served model; device and dtype are the shards' own choice once they answer."""
        return EngineInfo(
            model_id=self._settings.model_id,
            revision=self._revision,
            dtype=self._dtype,
            device=self._device,
            shards=self._settings.shards,
            sequence_limit=min(self._facts.position_limit, self._settings.max_total_tokens),
            vocabulary_size=self._facts.vocabulary_size,
        )

    @property
    def healthy(self) -> bool:
        """Tell whether all shards are loaded and answering."""
        return self._healthy

    @property
    def queue_size(self) -> int:
        """Count the requests that wait for a place in the batch."""
        return len(self._running) - self.batch_size

    @property
    def batch_size(self) -> int:
        """Count the requests that are being generated now."""
        return min(self._batch_size, len(self._running))

    async def start(self) -> None:
        """Begin to start the shard processes; return at once. `healthy` tells when they answer."""
        if self._supervision is None:
            self._supervision = asyncio.create_task(self._supervise(), name="shard supervision")

    async def stop(self) -> None:
        """End the shard processes; requests that still run fail with EngineError."""
        if self._supervision is not None:
            self._supervision.cancel()
            await asyncio.gather(self._supervision, return_exceptions=True)
            self._supervision = None
        self._last_failure = "the engine is stopped"

    async def generate(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        """Yield one GeneratedToken a step and one GenerationEnd last.

        Raises EngineError where the shards do not answer, a shard is lost, the engine stops, or prompt and output do
        not fit the sequence limit.
        """
        running = self._admit(request)
        self._keys += 1
        key = str(self._keys)
        self._running[key] = running
        ended = False
        try:
            self._send_request(key, running)
            stream = TextStream(self.tokenizer, request.stop_sequences)
            count = 0
            prompt_logprobs: tuple[float | None, ...] = ()
            while not ended:
                event = await running.events.get()
                if isinstance(event, EngineError):
                    ended = True
                    raise event
                _, token_id, logprob, finish, alternatives, logprobs = event
                count += 1
                prompt_logprobs = tuple(logprobs) if logprobs is not None else prompt_logprobs
                ended = finish is not None
                special = token_id in self.tokenizer.special_ids
                piece = self._piece(stream, token_id, special=special, last=ended)
                found = stream.find_stop(stream.finish() if ended and special else piece)
                if found is not None and not ended:
                    self._forget(key)
                    ended = True
                yield GeneratedToken(token_id, piece, logprob, special, self._alternatives(alternatives))
                if ended:
                    yield GenerationEnd(
                        finish_reason=FinishReason(finish) if found is None else FinishReason.STOP_SEQUENCE,
                        generated_text=stream.text if found is None else stream.text[: found[0]],
                        prompt_tokens=len(request.prompt_token_ids),
                        completion_tokens=count,
                        seed=running.seed,
                        prompt_logprobs=prompt_logprobs,
                        stop_sequence=None if found is None else found[1],
                    )
        finally:
            if not ended:
                self._forget(key)
            self._running.pop(key, None)

    def _admit(self, request: GenerationRequest) -> _Running:
        if not self._healthy:
            raise EngineError(f"the model server cannot generate now: {self._last_failure}")
        total = len(request.prompt_token_ids) + request.max_new_tokens
        if not request.prompt_token_ids or request.max_new_tokens < 1 or total > self.info.sequence_limit:
            raise EngineError(
                f"a prompt of {len(request.prompt_token_ids)} and an output of {request.max_new_tokens} tokens do not "
                f"fit: each takes at least 1 and both together at most {self.info.sequence_limit}"
            )
        highest = max(request.prompt_token_ids)
        if highest >= self._facts.vocabulary_size or min(request.prompt_token_ids) < 0:
            raise EngineError(f"the prompt has a token outside the vocabulary of {self._facts.vocabulary_size}")
        seed = request.sampling.seed
        if request.sampling.do_sample and seed is None:
            seed = secrets.randbits(63)
        return _Running(request, seed if request.sampling.do_sample else None)

    def _send_request(self, key: str, running: _Running) -> None:
        request = running.request
        self._send(
            {
                "op": "generate",
                "id": key,
                "prompt": list(request.prompt_token_ids),
                "max_new_tokens": request.max_new_tokens,
                # Torch's generators take 64 bits, and so does the channel; a client may send any whole number.
                "sampling": asdict(request.sampling) | {"seed": None},
                "seed": None if running.seed is None else running.seed % (1 << 63),
                "ignore_eos": request.ignore_eos,
                "top_n_tokens": request.top_n_tokens,
                "prompt_logprobs": request.prompt_logprobs,
            }
        )
        if len(self._running) == 1:
            self._last_message_s = time.monotonic()

    def _piece(self, stream: TextStream, token_id: int, *, special: bool, last: bool) -> str:
        if special:
            return self.tokenizer.token_text(token_id)
        return stream.push(token_id, last=last)

    def _alternatives(self, pairs: list[tuple[int, float]]) -> tuple[TokenAlternative, ...]:
        return tuple(
            TokenAlternative(token_id, self.tokenizer.token_text(token_id), logprob) for token_id, logprob in pairs
        )

    def _send(self, message: dict[str, Any]) -> None:
        if self._shards is not None and self._healthy:
            self._shards.send(message)

    def _forget(self, key: str) -> None:
        if key in self._running:
            self._send({"op": "cancel", "id": key})

    async def _supervise(self) -> None:
        """Keep a set of shards running: when one is lost end them all, and start again after a delay."""
        delay_s = _FIRST_RESTART_DELAY_S
        host: ShardHost | None = None
        try:
            while True:
                started_s = time.monotonic()
                if host is None or not host.alive:
                    host = self._new_host(host)
                reason, codes = await self._run_shards(host)
                if time.monotonic() - started_s > _STEADY_S:
                    delay_s = _FIRST_RESTART_DELAY_S
                _logger.error("%s (exit codes by rank: %s); starting again in %.1f s", reason, codes, delay_s)
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, _LONGEST_RESTART_DELAY_S)
        finally:
            if host is not None:
                host.close()

    def _new_host(self, former: ShardHost | None) -> ShardHost:
        if former is not None:
            former.close()
        threads = self._settings.threads or default_threads(self._settings.shards)
        return ShardHost(str(self._facts.config.get("model_type")), threads)

    async def _run_shards(self, host: ShardHost) -> tuple[str, list[int]]:
        """Run one set of shards until one is lost; return what happened and the exit codes."""
        shards = ShardProcesses(self._settings, self._facts, host)
        reason = "the engine is stopping"
        try:
            await shards.start()
            self._shards = shards
            reason = await self._listen(shards)
        except OSError as error:
            reason = f"the shards cannot be started ({error})"
        finally:
            self._fail_requests(reason)
            self._shards = None
            codes = await asyncio.shield(shards.end())
        return reason, codes

    async def _listen(self, shards: ShardProcesses) -> str:
        """Handle the shards' messages until one of them is lost; return what happened."""
        ready: set[int] = set()
        failure: str | None = None
        watchdog = asyncio.create_task(self._watch_for_stall())
        consumer = asyncio.create_task(self._consume(shards, ready))
        try:
            await asyncio.wait({watchdog, consumer}, return_when=asyncio.FIRST_COMPLETED)
            if consumer.done():
                failure = consumer.result()
        finally:
            watchdog.cancel()
            consumer.cancel()
            await asyncio.gather(watchdog, consumer, return_exceptions=True)
        if failure is None:
            return f"the shards showed no progress for {_STALL_S:.0f} s"
        return failure

    async def _consume(self, shards: ShardProcesses, ready: set[int]) -> str:
        async for message in shards.messages():
            self._last_message_s = time.monotonic()
            if message["op"] == "step":
                self._batch_size = message["running"]
                for event in message["events"]:
                    if (running := self._running.get(event[0])) is not None:
                        running.events.put_nowait(event)
            elif message["op"] == "failed":
                return f"shard {message['rank']} cannot serve: {message['message']}"
            else:
                ready.add(message["rank"])
                self._device, self._dtype = message["device"], message["dtype"]
                if len(ready) == self._settings.shards:
                    self._healthy = True
                    _logger.info(
                        "%d shards of %s answer (%s, %s)",
                        self._settings.shards,
                        self._settings.model_id,
                        self._device,
                        self._dtype,
                    )
        return "a shard was lost" if self._healthy else "a shard was lost while it loaded"

    async def _watch_for_stall(self) -> None:
        """Return when requests run and the shards have been silent for too long; sleep deeply while there are none."""
        while True:
            await asyncio.sleep(_STALL_S / 4)
            if self._running and time.monotonic() - self._last_message_s > _STALL_S:
                return

    def _fail_requests(self, reason: str) -> None:
        self._healthy = False
        self._last_failure = reason
        self._batch_size = 0
        for running in self._running.values():
            running.events.put_nowait(EngineError(f"the generation was cut off: {reason}; send the request again"))
