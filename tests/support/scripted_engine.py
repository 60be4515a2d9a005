"""A deterministic engine for tests of the HTTP layer: it says what it was given to say, one token a step."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from inferloop_runtime.errors import EngineError
from inferloop_runtime.serving.engine import (
    EngineInfo,
    FinishReason,
    GeneratedToken,
    GenerationEnd,
    GenerationEvent,
    GenerationRequest,
    TokenAlternative,
)

EOS = GeneratedToken(token_id=0, text="</s>", logprob=-0.01, special=True)


class CharacterTokenizer:
    """One token a character; the id is its code point."""

    def encode(self, text: str) -> list[int]:
        return [ord(character) for character in text]

    def offsets(self, text: str) -> list[tuple[int, str, int, int]]:
        return [(ord(character), character, index, index + 1) for index, character in enumerate(text)]

    def decode(self, token_ids: list[int]) -> str:
        return "".join(chr(token_id) for token_id in token_ids)

    def render_chat(self, messages: list[dict[str, str]]) -> str:
        if messages[0]["content"] == "refuse me":
            raise EngineError("the template refuses this conversation")
        return "".join(f"<{message['role']}>{message['content']}\n" for message in messages)


class ScriptedEngine:
    """Answer every request with `reply` and an end-of-sequence token, within the request's own limits."""

    def __init__(
        self,
        reply: Sequence[str] = ("Hello", " wor", "ld", "!"),
        *,
        step_s: float = 0.0,
        fail_after: int | None = None,
        end_missing: bool = False,
        start_error: Exception | None = None,
        load_s: float = 0.0,
    ) -> None:
        self.tokenizer = CharacterTokenizer()
        self.reply = tuple(reply)
        self.requests: list[GenerationRequest] = []
        self.cancelled: list[str] = []
        self.healthy = False
        self.running = 0
        self.stopped = asyncio.Event()
        self._step_s = step_s
        self._fail_after = fail_after
        self._end_missing = end_missing
        self._start_error = start_error
        self._load_s = load_s

    @property
    def info(self) -> EngineInfo:
        return EngineInfo("test/scripted", "abcdef0123456789", "float32", "cpu", 1, 4096, 0x110000)

    @property
    def queue_size(self) -> int:
        return max(0, self.running - 1)

    @property
    def batch_size(self) -> int:
        return min(1, self.running)

    async def start(self) -> None:
        await asyncio.sleep(self._load_s)
        if self._start_error is not None:
            raise self._start_error
        self.healthy = True

    async def stop(self) -> None:
        self.healthy = False
        self.stopped.set()

    async def generate(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        self.requests.append(request)
        self.running += 1
        ended = False
        try:
            text = ""
            count = 0
            reason = FinishReason.LENGTH
            for index, piece in enumerate([*self.reply, EOS.text]):
                await self._step()
                if self._fail_after is not None and index >= self._fail_after:
                    raise EngineError("shard 1 was lost")
                eos = index == len(self.reply)
                token = EOS if eos else self._token(1000 + index, piece, request.top_n_tokens)
                count += 1
                yield token
                if eos:
                    reason = FinishReason.EOS_TOKEN
                    break
                text += piece
                cut = min((text.find(stop) for stop in request.stop_sequences if stop in text), default=-1)
                if cut >= 0:
                    text = text[:cut]
                    reason = FinishReason.STOP_SEQUENCE
                    break
                if count >= request.max_new_tokens:
                    break
            ended = True
            if self._end_missing:
                return
            prompt = request.prompt_token_ids
            logprobs = (None, *(-1.0 for _ in prompt[1:])) if request.prompt_logprobs else ()
            seed = request.sampling.seed if request.sampling.do_sample else None
            yield GenerationEnd(reason, text, len(prompt), count, seed, logprobs)
        finally:
            self.running -= 1
            if not ended:
                self.cancelled.append(request.request_id)

    async def _step(self) -> None:
        try:
            await asyncio.wait_for(self.stopped.wait(), self._step_s)
        except TimeoutError:
            return
        raise EngineError("the engine is stopping")

    def _token(self, token_id: int, text: str, top: int) -> GeneratedToken:
        alternatives = tuple(
            TokenAlternative(token_id + rank, text if rank == 0 else f"{text}~{rank}", -0.5 - rank)
            for rank in range(top)
        )
        return GeneratedToken(token_id, text, -0.5, False, alternatives)
