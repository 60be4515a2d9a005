"""A small model server that answers as a test wants it: TGI's and OpenAI's shapes, slow, broken or cut off."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.postgres import free_port

WORDS = ("The", " capital", " is", " Paris", ".")


@dataclass
class ScriptedUpstream:
    """What the server does, and what it has seen. `pause_s` lies between two events of a stream."""

    model: str = "tiny"
    port: int = 0
    pause_s: float = 0.0
    delay_s: float = 0.0
    healthy: bool = True
    die_after_events: int | None = None
    fail_with: tuple[int, dict[str, Any]] | None = None
    usage_headers: bool = True
    endless: bool = False
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    disconnected: asyncio.Event = field(default_factory=asyncio.Event)
    events_sent: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/health", self._health)
        application.router.add_get("/info", self._info)
        application.router.add_get("/v1/models", self._models)
        for path in ("/", "/generate"):
            application.router.add_post(path, self._generate)
        application.router.add_post("/generate_stream", self._generate_stream)
        application.router.add_post("/tokenize", self._tokenize)
        application.router.add_post("/chat_tokenize", self._tokenize)
        application.router.add_post("/v1/chat/completions", self._chat)
        application.router.add_post("/v1/completions", self._chat)
        return application

    async def _seen(self, request: web.Request) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(await request.read())
        self.requests.append(document)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if self.delay_s:
            try:
                await asyncio.sleep(self.delay_s)
            except asyncio.CancelledError:
                self.disconnected.set()
                raise
        return document

    def _refusal(self) -> web.Response | None:
        if self.fail_with is None:
            return None
        return web.json_response(self.fail_with[1], status=self.fail_with[0], headers={"x-upstream": "said so"})

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(status=200 if self.healthy else 503)

    async def _info(self, _: web.Request) -> web.Response:
        return web.json_response({"model_id": self.model, "num_shard": 1, "max_total_tokens": 128})

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": self.model, "object": "model"}]})

    async def _tokenize(self, request: web.Request) -> web.Response:
        await self._seen(request)
        return web.json_response([{"id": 1, "text": "The", "start": 0, "stop": 3}])

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        document = await self._seen(request)
        if (refusal := self._refusal()) is not None:
            return refusal
        if document.get("stream"):
            return await self._stream_tgi(request, document)
        headers = {"x-prompt-tokens": "7", "x-generated-tokens": "5"} if self.usage_headers else {}
        answer = {"generated_text": "".join(WORDS)}
        body: Any = [answer] if request.path == "/" else answer
        return web.json_response(body, headers=headers)

    async def _generate_stream(self, request: web.Request) -> web.StreamResponse:
        document = await self._seen(request)
        if (refusal := self._refusal()) is not None:
            return refusal
        return await self._stream_tgi(request, document)

    async def _stream_tgi(self, request: web.Request, document: dict[str, Any]) -> web.StreamResponse:
        wants_details = bool((document.get("parameters") or {}).get("details"))
        details = {"finish_reason": "length", "generated_tokens": 5, "seed": None, "input_length": 7}
        events = []
        for index, word in enumerate(WORDS):
            last = index == len(WORDS) - 1
            event = {
                "index": index,
                "token": {"id": index, "text": word, "logprob": -0.5, "special": False},
                "generated_text": "".join(WORDS) if last else None,
                "details": details if last and wants_details else None,
            }
            events.append(f"data:{json.dumps(event, separators=(',', ':'))}\n\n")
        return await self._send_events(request, events)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        document = await self._seen(request)
        if (refusal := self._refusal()) is not None:
            return refusal
        usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
        if not document.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", "content": "".join(WORDS)}, "finish_reason": "stop"}
            return web.json_response({"id": "c1", "object": "chat.completion", "choices": [choice], "usage": usage})

        def chunk(delta: dict[str, str], reason: str | None = None) -> str:
            choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
            base = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": self.model}
            return f"data: {json.dumps(base | {'choices': choices})}\n\n"

        events = [chunk({"content": word}) for word in WORDS[:-1]] + [chunk({"content": WORDS[-1]}, "stop")]
        if (document.get("stream_options") or {}).get("include_usage"):
            alone = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": self.model}
            events.append(f"data: {json.dumps(alone | {'choices': [], 'usage': usage})}\n\n")
        return await self._send_events(request, [*events, "data: [DONE]\n\n"])

    async def _send_events(self, request: web.Request, events: list[str]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        index = 0
        try:
            while True:
                if index == self.die_after_events:
                    assert request.transport is not None
                    request.transport.abort()
                    return response
                await response.write(events[0 if self.endless else index].encode())
                self.events_sent += 1
                index += 1
                if index == len(events) and not self.endless:
                    break
                await asyncio.sleep(self.pause_s)
        except (ConnectionError, asyncio.CancelledError):
            self.disconnected.set()
            raise
        return response


@contextlib.asynccontextmanager
async def running_upstream(**script: Any) -> AsyncIterator[ScriptedUpstream]:
    """Serve a scripted upstream on a free port until the block ends."""
    upstream = ScriptedUpstream(**{"port": free_port()} | script)
    runner = web.AppRunner(upstream.application(), handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", upstream.port).start()
    try:
        yield upstream
    finally:
        await runner.cleanup()
