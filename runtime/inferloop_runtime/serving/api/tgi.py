"""TGI's HTTP API (https://huggingface.github.io/text-generation-inference, version 3.3.7) over the engine.

Two differences, both for clients' good: an error that is known before the first token has its HTTP status on streams
too (TGI answers 200 and an error event), and what the embedded engine lacks (`grammar`, `best_of`, `watermark`,
`adapter_id`) is refused by name. `x-queue-time` is not sent: the engine does not say when a request left its queue.
"""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from inferloop_runtime.serving.api.bodies import read_body
from inferloop_runtime.serving.api.chat_requests import ChatRequest, render
from inferloop_runtime.serving.api.errors import RequestError, invalid
from inferloop_runtime.serving.api.generation import GenerationService
from inferloop_runtime.serving.api.http import EventStream, Request, Response, json_response, tgi_event
from inferloop_runtime.serving.api.tgi_requests import (
    MAX_BEST_OF,
    MAX_STOP_SEQUENCES,
    GenerateRequest,
    generation_request,
)
from inferloop_runtime.serving.api.version import runtime_version
from inferloop_runtime.serving.engine import (
    FinishReason,
    GeneratedToken,
    GenerationEnd,
    GenerationRequest,
    TokenAlternative,
)


def _token(token: GeneratedToken) -> dict[str, Any]:
    return {"id": token.token_id, "text": token.text, "logprob": token.logprob, "special": token.special}


def _alternative(token: TokenAlternative) -> dict[str, Any]:
    return {"id": token.token_id, "text": token.text, "logprob": token.logprob, "special": False}


def _text(tokens: list[GeneratedToken], end: GenerationEnd) -> str:
    """Return the output as TGI does: with the stop sequence that ended it, to the end of its last token."""
    if end.finish_reason is FinishReason.STOP_SEQUENCE:
        return "".join(token.text for token in tokens if not token.special)
    return end.generated_text


class TgiApi:
    """The handlers of TGI's routes."""

    def __init__(self, service: GenerationService) -> None:
        self._service = service

    async def compatible(self, request: Request) -> Response | EventStream:
        """`POST /`: `stream` decides between a stream and a list of one generation."""
        body = read_body(GenerateRequest, request)
        if body.stream:
            return await self._stream(request, body)
        value, headers = await self._generate(request, body)
        return json_response([value], headers=headers)

    async def generate(self, request: Request) -> Response:
        """`POST /generate`."""
        value, headers = await self._generate(request, read_body(GenerateRequest, request))
        return json_response(value, headers=headers)

    async def generate_stream(self, request: Request) -> EventStream:
        """`POST /generate_stream`."""
        return await self._stream(request, read_body(GenerateRequest, request))

    async def _prepare(self, body: GenerateRequest, *, stream: bool) -> GenerationRequest:
        self._service.require_ready()
        self._service.metrics.requests.add()
        try:
            return await generation_request(self._service, body, stream=stream)
        except RequestError:
            self._service.metrics.failures.add(value="validation")
            raise

    async def _generate(self, request: Request, body: GenerateRequest) -> tuple[dict[str, Any], dict[str, str]]:
        generation = await self._prepare(body, stream=False)
        prepared_at_s = time.perf_counter()
        result = await self._service.collect(request, generation)
        tokens, end = list(result.tokens), result.end
        text = _text(tokens, end)
        options = body.options
        value: dict[str, Any] = {"generated_text": body.inputs + text if options.return_full_text else text}
        if options.details or options.decoder_input_details:
            details: dict[str, Any] = {
                "finish_reason": end.finish_reason.value,
                "generated_tokens": end.completion_tokens,
                "seed": end.seed,
                "prefill": self._prefill(generation, end),
                "tokens": [_token(token) for token in tokens],
            }
            if generation.top_n_tokens:
                details["top_tokens"] = [[_alternative(other) for other in token.alternatives] for token in tokens]
            value["details"] = details
        now_s = time.perf_counter()
        total_s, inference_s = now_s - request.received_at_s, now_s - prepared_at_s
        return value, {
            **self._compute_headers(body),
            "x-compute-time": f"{total_s:.6f}",
            "x-total-time": str(round(total_s * 1000)),
            "x-validation-time": str(round((prepared_at_s - request.received_at_s) * 1000)),
            "x-inference-time": str(round(inference_s * 1000)),
            "x-time-per-token": str(round(inference_s * 1000 / max(end.completion_tokens, 1))),
            "x-prompt-tokens": str(end.prompt_tokens),
            "x-generated-tokens": str(end.completion_tokens),
        }

    def _prefill(self, generation: GenerationRequest, end: GenerationEnd) -> list[dict[str, Any]]:
        decode = self._service.engine.tokenizer.decode
        return [
            {"id": token_id, "text": decode([token_id]), "logprob": logprob}
            for token_id, logprob in zip(generation.prompt_token_ids, end.prompt_logprobs, strict=False)
        ]

    def _compute_headers(self, body: GenerateRequest) -> dict[str, str]:
        return {
            "x-compute-type": self._service.engine.info.device,
            "x-compute-characters": str(len(body.inputs)),
        }

    async def _stream(self, request: Request, body: GenerateRequest) -> EventStream:
        generation = await self._prepare(body, stream=True)
        return EventStream(self._events(request, body, generation), self._compute_headers(body))

    async def _events(
        self, request: Request, body: GenerateRequest, generation: GenerationRequest
    ) -> AsyncGenerator[bytes, None]:
        tokens: list[GeneratedToken] = []
        # TGI puts text and details on the last token's event, so each token waits for what follows it.
        last: dict[str, Any] | None = None
        async with aclosing(self._service.generate(request, generation)) as events:
            async for event in events:
                if isinstance(event, GeneratedToken):
                    if last is not None:
                        yield tgi_event(last)
                    tokens.append(event)
                    last = {"index": len(tokens), "token": _token(event)}
                    if generation.top_n_tokens:
                        last["top_tokens"] = [_alternative(other) for other in event.alternatives]
                    last.update(generated_text=None, details=None)
                elif last is not None:
                    yield tgi_event(last | self._closing(body, tokens, event))

    def _closing(self, body: GenerateRequest, tokens: list[GeneratedToken], end: GenerationEnd) -> dict[str, Any]:
        text = _text(tokens, end)
        options = body.options
        details = {
            "finish_reason": end.finish_reason.value,
            "generated_tokens": end.completion_tokens,
            "seed": end.seed,
            "input_length": end.prompt_tokens,
        }
        return {
            "generated_text": body.inputs + text if options.return_full_text else text,
            "details": details if options.details else None,
        }

    async def tokenize(self, request: Request) -> Response:
        """`POST /tokenize`."""
        body = read_body(GenerateRequest, request)
        self._service.require_ready()
        return json_response(self._tokens(body.inputs))

    async def chat_tokenize(self, request: Request) -> Response:
        """`POST /chat_tokenize`."""
        body = read_body(ChatRequest, request)
        self._service.require_ready()
        text = render(self._service, body)
        return json_response({"tokenize_response": self._tokens(text), "templated_text": text})

    def _tokens(self, text: str) -> list[dict[str, Any]]:
        if not text:
            raise invalid("`inputs` cannot be empty", param="inputs")
        return [
            {"id": token_id, "text": piece, "start": start, "stop": stop}
            for token_id, piece, start, stop in self._service.engine.tokenizer.offsets(text)
        ]

    async def info(self, _request: Request) -> Response:
        """`GET /info`: TGI's fields (those of its version 2 too), and the number of shards."""
        self._service.require_ready()
        info, settings = self._service.engine.info, self._service.settings
        return json_response(
            {
                "model_id": info.model_id,
                "model_sha": info.revision,
                "model_dtype": f"torch.{info.dtype}",
                "model_device_type": info.device,
                "model_pipeline_tag": "text-generation",
                "max_concurrent_requests": settings.max_concurrent_requests,
                "max_best_of": MAX_BEST_OF,
                "max_stop_sequences": MAX_STOP_SEQUENCES,
                "max_input_tokens": self._service.max_input_tokens,
                "max_total_tokens": self._service.max_total_tokens,
                "max_batch_size": settings.max_batch_size,
                "validation_workers": 1,
                "max_client_batch_size": settings.max_batch_size,
                "router": "inferloop-runtime",
                "version": runtime_version(),
                "sha": None,
                "docker_label": None,
                "num_shard": info.shards,
            }
        )
