import asyncio
import json
import logging

import aiohttp
import pytest
from inferloop_runtime.serving.api import application as application_module

from tests.support.model_server import running_model_server
from tests.support.scripted_engine import ScriptedEngine

GENERATE = {"inputs": "Hi", "parameters": {}}
CHAT = {"messages": [{"role": "user", "content": "Hi"}]}


async def until(condition: object, *, timeout_s: float = 5) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/generate", GENERATE),
        ("/generate_stream", GENERATE),
        ("/v1/chat/completions", CHAT),
        ("/v1/chat/completions", {**CHAT, "stream": True}),
        ("/v1/completions", {"prompt": "Hi", "n": 2}),
        ("/v1/completions", {"prompt": "Hi", "n": 2, "stream": True}),
    ],
)
async def test_a_client_that_leaves_cancels_its_generation(path: str, body: dict[str, object]) -> None:
    engine = ScriptedEngine(["token "] * 1000, step_s=0.02)
    async with running_model_server(engine) as (url, _):
        async with aiohttp.ClientSession() as session:
            asking = asyncio.create_task(session.post(url + path, json=body))
            await until(lambda: engine.running == body.get("n", 1))
            if "stream" in path or body.get("stream"):
                response = await asking
                await response.content.readany()
                response.close()
            else:
                asking.cancel()
            await until(lambda: engine.running == 0)
        assert len(engine.cancelled) == body.get("n", 1)
        async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as response:
            assert f"inferloop_request_cancelled_total {body.get('n', 1)}\n" in await response.text()


async def test_more_requests_than_allowed_are_refused_as_overloaded() -> None:
    engine = ScriptedEngine(step_s=0.2)
    async with running_model_server(engine, max_concurrent_requests=1) as (url, _), aiohttp.ClientSession() as session:
        first = asyncio.create_task(session.post(f"{url}/generate", json=GENERATE))
        await until(lambda: engine.running == 1)
        for path in ("/generate", "/generate_stream"):
            async with session.post(url + path, json=GENERATE) as response:
                assert response.status == 429
                assert response.headers["retry-after"] == "1"
                assert await response.json() == {"error": "Model is overloaded", "error_type": "overloaded"}
        async with session.post(f"{url}/v1/chat/completions", json=CHAT) as response:
            assert response.status == 429
            assert (await response.json())["error"]["type"] == "rate_limit_error"
        assert (await first).status == 200


async def test_a_server_whose_engine_is_not_ready_says_so() -> None:
    engine = ScriptedEngine()
    async with running_model_server(engine) as (url, _), aiohttp.ClientSession() as session:
        async with session.get(f"{url}/health") as response:
            assert (response.status, await response.read()) == (200, b"")
        engine.healthy = False
        for path in ("/health", "/ping"):
            async with session.get(url + path) as response:
                assert response.status == 503
                assert await response.json() == {"error": "unhealthy", "error_type": "healthcheck"}
        for path in ("/generate", "/generate_stream", "/tokenize"):
            async with session.post(url + path, json=GENERATE) as response:
                assert response.status == 503
        async with session.post(f"{url}/v1/chat/completions", json=CHAT) as response:
            assert response.status == 503
            assert (await response.json())["error"]["type"] == "service_unavailable_error"
        async with session.get(f"{url}/metrics") as response:
            assert "inferloop_engine_healthy 0.0" in await response.text()


async def test_a_draining_server_ends_what_runs_and_refuses_what_comes() -> None:
    engine = ScriptedEngine(step_s=0.1)
    async with running_model_server(engine) as (url, application), aiohttp.ClientSession() as session:
        running = asyncio.create_task(session.post(f"{url}/generate", json=GENERATE))
        await until(lambda: engine.running == 1)
        application.drain()
        async with session.post(f"{url}/generate", json=GENERATE) as response:
            assert response.status == 503
            assert (await response.json())["error_type"] == "unavailable"
        async with session.get(f"{url}/health") as response:
            assert response.status == 503
        assert not await application.idle(0.01)
        assert await application.idle(5)
        assert await (await running).json() == {"generated_text": "Hello world!"}


async def test_a_body_over_the_limit_is_refused_whether_or_not_its_length_is_declared() -> None:
    async def pieces() -> object:
        for _ in range(4):
            yield b"x" * 100

    async with running_model_server(ScriptedEngine(), max_body_bytes=200) as (url, _):
        for data in (b"x" * 300, pieces()):
            async with aiohttp.ClientSession() as session, session.post(f"{url}/generate", data=data) as response:
                assert response.status == 413
                assert "larger than 200 bytes" in (await response.json())["error"]


async def test_unknown_routes_and_methods_are_told_in_the_apis_own_shape() -> None:
    async with running_model_server(ScriptedEngine()) as (url, _), aiohttp.ClientSession() as session:
        async with session.get(f"{url}/nothing") as response:
            assert (response.status, (await response.json())["error_type"]) == (404, "not_found")
        async with session.get(f"{url}/v1/nothing") as response:
            assert (response.status, (await response.json())["error"]["param"]) == (404, None)
        async with session.get(f"{url}/generate") as response:
            assert response.status == 405
            assert "takes POST" in (await response.json())["error"]
        async with session.head(f"{url}/info") as response:
            assert (response.status, await response.read()) == (200, b"")


async def test_an_unexpected_failure_is_a_500_without_its_details(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine()

    def broken(_text: str) -> list[int]:
        raise RuntimeError("secret internals")

    monkeypatch.setattr(engine.tokenizer, "encode", broken)
    async with (
        running_model_server(engine) as (url, _),
        aiohttp.ClientSession() as session,
        session.post(f"{url}/generate", json=GENERATE) as response,
    ):
        assert response.status == 500
        assert "secret" not in await response.text()


async def test_a_silent_stream_is_kept_alive_by_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application_module, "KEEP_ALIVE_S", 0.05)
    async with (
        running_model_server(ScriptedEngine(["a"], step_s=0.3)) as (url, _),
        aiohttp.ClientSession() as session,
        session.post(f"{url}/generate_stream", json=GENERATE) as response,
    ):
        text = await response.text()
    assert text.startswith(":\n\n")
    assert '"generated_text":"a"' in text


async def test_the_access_log_has_counts_and_no_prompt(caplog: pytest.LogCaptureFixture) -> None:
    headers = {"x-request-id": "request-7"}
    body = {"inputs": "my secret prompt", "parameters": {}}
    with caplog.at_level(logging.INFO, "inferloop.access"):
        async with running_model_server(ScriptedEngine()) as (url, application), aiohttp.ClientSession() as session:
            async with session.post(f"{url}/generate", json=body, headers=headers) as response:
                assert response.headers["x-request-id"] == "request-7"
            async with session.post(f"{url}/generate", json={"inputs": {"a": "my secret prompt"}}) as response:
                assert "secret" not in await response.text()
            async with session.get(f"{url}/health"):
                pass
            await application.idle(5)
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == "inferloop.access"]
    assert [line["path"] for line in lines] == ["/generate", "/generate"]
    assert lines[0]["request_id"] == "request-7"
    assert (lines[0]["status"], lines[0]["prompt_tokens"], lines[0]["completion_tokens"]) == (200, 16, 5)
    assert "secret" not in caplog.text


async def test_metrics_have_tgis_names_and_count_what_happened() -> None:
    async with running_model_server(ScriptedEngine()) as (url, _), aiohttp.ClientSession() as session:
        await session.post(f"{url}/generate", json=GENERATE)
        await session.post(f"{url}/generate", json={"inputs": ""})
        async with session.post(f"{url}/v1/chat/completions", json={**CHAT, "stream": True}) as response:
            await response.read()
        async with session.get(f"{url}/metrics") as response:
            assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
            text = await response.text()
    for line in (
        "# TYPE tgi_request_count counter",
        "tgi_request_count 3",
        "tgi_request_success 2",
        'tgi_request_failure{err="validation"} 1',
        "tgi_queue_size 0.0",
        "tgi_batch_current_size 0.0",
        "tgi_request_duration_count 2.0",
        "tgi_request_input_length_sum 11.0",
        "tgi_request_generated_tokens_sum 10.0",
        "tgi_request_mean_time_per_token_duration_count 2.0",
        "inferloop_request_time_to_first_token_duration_count 2.0",
        "inferloop_prompt_tokens_total 11",
        "inferloop_generated_tokens_total 10",
        "inferloop_request_cancelled_total 0",
        "inferloop_engine_healthy 1.0",
    ):
        assert f"{line}\n" in text, line


async def test_long_texts_are_tokenised_beside_the_event_loop() -> None:
    engine = ScriptedEngine()
    async with (
        running_model_server(engine, max_input_tokens=30_000) as (url, _),
        aiohttp.ClientSession() as session,
        session.post(f"{url}/generate", json={"inputs": "x" * 20_000, "parameters": {}}) as response,
    ):
        assert response.status == 422
        assert "Given: 20000" in (await response.json())["error"]


async def test_a_client_that_leaves_amid_its_body_harms_nobody() -> None:
    engine = ScriptedEngine()
    async with running_model_server(engine) as (url, application):
        host, _, port = url.removeprefix("http://").partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /generate HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()
        assert await application.idle(5)
        async with aiohttp.ClientSession() as session, session.post(f"{url}/generate", json=GENERATE) as response:
            assert response.status == 200
    assert len(engine.requests) == 1
