"""OpenAI's HTTP API (https://platform.openai.com/docs/api-reference) over the engine."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from inferloop_runtime.serving.api.bodies import read_body
from inferloop_runtime.serving.api.chat_requests import ChatRequest, render
from inferloop_runtime.serving.api.completion_requests import DEFAULT_MAX_TOKENS, CompletionRequest, encode_prompts
from inferloop_runtime.serving.api.errors import RequestError
from inferloop_runtime.serving.api.generation import Generation, GenerationService
from inferloop_runtime.serving.api.http import EventStream, Request, Response, json_response, openai_event
from inferloop_runtime.serving.api.interleave import interleave
from inferloop_runtime.serving.api.openai_options import OpenAIOptions, generation_requests, unknown_model
from inferloop_runtime.serving.api.openai_shapes import (
    AnswerShape,
    ChatShape,
    Choice,
    CompletionShape,
    usage,
)
from inferloop_runtime.serving.api.stop_text import StopTextFilter, TextPiece
from inferloop_runtime.serving.api.version import runtime_version
from inferloop_runtime.serving.engine import GeneratedToken, GenerationEnd, GenerationRequest

_DONE = b"data: [DONE]\n\n"


class OpenAIApi:
    """The handlers of OpenAI's routes."""

    def __init__(self, service: GenerationService) -> None:
        self._service = service
        self._started_at_s = int(time.time())

    async def models(self, _request: Request) -> Response:
        """`GET /v1/models`."""
        self._service.require_ready()
        return json_response({"object": "list", "data": [self._model()]})

    async def model(self, request: Request) -> Response:
        """`GET /v1/models/{id}`; the id may hold slashes."""
        self._service.require_ready()
        name = request.path.removeprefix("/v1/models/")
        model_id = self._service.engine.info.model_id
        if name != model_id:
            raise unknown_model(name, model_id)
        return json_response(self._model())

    def _model(self) -> dict[str, Any]:
        return {
            "id": self._service.engine.info.model_id,
            "object": "model",
            "created": self._started_at_s,
            "owned_by": "inferloop",
            "max_model_len": self._service.max_total_tokens,
        }

    async def completions(self, request: Request) -> Response | EventStream:
        """`POST /v1/completions`."""
        body = read_body(CompletionRequest, request)
        self._accept(body)
        try:
            self._check(body)
            generations = generation_requests(
                self._service,
                body,
                await encode_prompts(self._service, body),
                prompt_param="prompt",
                max_tokens=body.max_tokens or DEFAULT_MAX_TOKENS,
                top_n_tokens=body.logprobs or 0,
            )
        except RequestError:
            self._service.metrics.failures.add(value="validation")
            raise
        return await self._answer(request, body, generations, CompletionShape(logprobs=body.logprobs))

    async def chat_completions(self, request: Request) -> Response | EventStream:
        """`POST /v1/chat/completions`."""
        body = read_body(ChatRequest, request)
        self._accept(body)
        try:
            self._check(body)
            generations = generation_requests(
                self._service,
                body,
                [await self._service.encode(render(self._service, body))],
                prompt_param="messages",
                max_tokens=body.max_completion_tokens or body.max_tokens,
                top_n_tokens=body.top_logprobs or 0,
            )
        except RequestError:
            self._service.metrics.failures.add(value="validation")
            raise
        shape = ChatShape(logprobs=bool(body.logprobs), top_logprobs=body.top_logprobs or 0)
        return await self._answer(request, body, generations, shape)

    def _accept(self, body: OpenAIOptions) -> None:
        self._service.require_ready()
        self._service.metrics.requests.add()

    def _check(self, body: OpenAIOptions) -> None:
        body.require_model(self._service.engine.info.model_id)
        body.refuse_unsupported()

    async def _answer(
        self, request: Request, body: OpenAIOptions, generations: list[GenerationRequest], shape: AnswerShape
    ) -> Response | EventStream:
        envelope = {
            "id": f"{shape.id_prefix}{uuid.uuid4().hex}",
            "object": shape.chunk_object if body.stream else shape.whole_object,
            "created": int(time.time()),
            "model": self._service.engine.info.model_id,
            "system_fingerprint": f"inferloop-{runtime_version()}-{self._service.engine.info.revision[:12]}",
        }
        if body.stream:
            return EventStream(self._events(request, body, generations, shape, envelope))
        results = await self._collect_all(request, generations)
        choices = []
        for index, (generation, result) in enumerate(zip(generations, results, strict=True)):
            text = StopTextFilter(generation.stop_sequences)
            pieces = [piece for token in result.tokens if (piece := text.feed(token)) is not None]
            pieces.append(text.finish(result.end.generated_text))
            tokens = tuple(token for piece in pieces for token in piece.tokens)
            choices.append(shape.whole(index, TextPiece(result.end.generated_text, tokens), result.end))
        figures = usage([result.end for result in results], body.n or 1)
        return json_response({**envelope, "choices": choices, "usage": figures})

    async def _collect_all(self, request: Request, generations: list[GenerationRequest]) -> list[Generation]:
        if len(generations) == 1:
            return [await self._service.collect(request, generations[0])]
        tasks = [asyncio.create_task(self._service.collect(request, generation)) for generation in generations]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _events(
        self,
        request: Request,
        body: OpenAIOptions,
        generations: list[GenerationRequest],
        shape: AnswerShape,
        envelope: dict[str, Any],
    ) -> AsyncGenerator[bytes, None]:
        # With the figures asked for, every chunk has the key and all but the last have null in it.
        figures: dict[str, Any] = {"usage": None} if body.include_usage else {}

        def chunk(choice: Choice) -> bytes:
            return openai_event({**envelope, "choices": [choice], **figures})

        filters = [StopTextFilter(generation.stop_sequences) for generation in generations]
        opened = [False] * len(generations)
        ends: list[GenerationEnd | None] = [None] * len(generations)
        streams = [self._service.generate(request, generation) for generation in generations]
        async with aclosing(interleave(streams)) as events:
            async for index, event in events:
                if not opened[index]:
                    opened[index] = True
                    opening = shape.opening(index)
                    if opening is not None:
                        yield chunk(opening)
                if isinstance(event, GeneratedToken):
                    piece = filters[index].feed(event)
                    if piece is not None and (piece.text or piece.tokens):
                        yield chunk(shape.part(index, piece, None))
                else:
                    ends[index] = event
                    yield chunk(shape.part(index, filters[index].finish(event.generated_text), event))
        if body.include_usage:
            figures = {"usage": usage([end for end in ends if end is not None], body.n or 1)}
            yield openai_event({**envelope, "choices": [], **figures})
        yield _DONE
