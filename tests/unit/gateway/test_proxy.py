"""Requests through the real gateway process to a scripted model server."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
from huggingface_hub import AsyncInferenceClient

from tests.support.gateway import RunningGateway, running_gateway
from tests.support.scripted_upstream import ScriptedUpstream, running_upstream

TEXT = "The capital is Paris."


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with running_upstream() as server:
        yield server


@pytest.fixture
async def gateway(database: str, tmp_path: Path, upstream: ScriptedUpstream) -> AsyncIterator[RunningGateway]:
    async with running_gateway(tmp_path, database, [("tiny", upstream.url)], max_body_bytes=10_000) as running:
        yield running


def events_of(body: str) -> list[Any]:
    found = [line.removeprefix("data:").strip() for line in body.split("\n") if line.startswith("data:")]
    return [json.loads(event) for event in found if event != "[DONE]"]


async def test_a_chat_completion_passes_and_leaves_one_usage_row(gateway: RunningGateway) -> None:
    async with gateway.chat(model="tiny") as response:
        document = await response.json()
    assert response.status == 200
    assert document["choices"][0]["message"]["content"] == TEXT
    (row,) = await gateway.usage(rows=1)
    assert row["request_id"] == response.headers["x-request-id"]
    assert (row["model"], row["endpoint"], row["status"]) == ("tiny", "/v1/chat/completions", 200)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (7, 5)
    assert row["latency_ms"] > 0
    assert row["time_to_first_token_ms"] is None


async def test_a_stream_of_a_client_that_asked_for_no_usage_holds_none_and_is_metered(
    gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    async with gateway.chat(stream=True) as response:
        body = await response.text()
    assert upstream.requests[-1]["stream_options"] == {"include_usage": True}
    assert body.endswith("data: [DONE]\n\n")
    assert "usage" not in body
    assert "".join(event["choices"][0]["delta"]["content"] for event in events_of(body)) == TEXT
    (row,) = await gateway.usage(rows=1)
    assert (row["prompt_tokens"], row["completion_tokens"], row["status"]) == (7, 5, 200)
    assert row["time_to_first_token_ms"] > 0


async def test_a_stream_of_a_client_that_asked_for_usage_holds_it(gateway: RunningGateway) -> None:
    async with gateway.chat(stream=True, stream_options={"include_usage": True}) as response:
        events = events_of(await response.text())
    assert events[-1]["usage"]["completion_tokens"] == 5


@pytest.mark.parametrize("path", ["/generate_stream", "/"])
async def test_a_tgi_stream_gets_its_details_only_where_they_were_asked_for(gateway: RunningGateway, path: str) -> None:
    plain = {"inputs": "Hi", "stream": True}
    async with gateway.post(path, plain) as response:
        last = events_of(await response.text())[-1]
    assert (last["generated_text"], last["details"]) == (TEXT, None)
    async with gateway.post(path, plain | {"parameters": {"details": True}}) as response:
        last = events_of(await response.text())[-1]
    assert last["details"]["input_length"] == 7
    rows = await gateway.usage(rows=2)
    assert [(row["prompt_tokens"], row["completion_tokens"]) for row in rows] == [(7, 5), (7, 5)]


async def test_tgis_paths_pass(gateway: RunningGateway) -> None:
    async with gateway.post("/generate", {"inputs": "Hi"}) as response:
        assert (await response.json())["generated_text"] == TEXT
    async with gateway.post("/tokenize", {"inputs": "Hi"}) as response:
        assert (await response.json())[0]["text"] == "The"
    for path in ("/info", "/v1/models"):
        async with gateway.session.get(gateway.url + path, headers=gateway.headers()) as response:
            assert "tiny" in await response.text()
    rows = await gateway.usage(rows=2)
    assert {(row["endpoint"], row["prompt_tokens"], row["completion_tokens"]) for row in rows} == {
        ("/generate", 7, 5),
        ("/tokenize", 0, 0),
    }


async def test_the_clients_that_people_use_work(gateway: RunningGateway) -> None:
    client = AsyncInferenceClient(base_url=gateway.url, token=gateway.key)
    assert await client.text_generation("Hi") == TEXT
    stream = await client.text_generation("Hi", stream=True, details=True)
    tokens = [event async for event in stream]
    assert tokens[-1].details.generated_tokens == 5
    chat = await client.chat_completion([{"role": "user", "content": "Hi"}])
    assert chat.choices[0].message.content == TEXT
    async with openai.AsyncOpenAI(base_url=gateway.url + "/v1", api_key=gateway.key) as other:
        chunks = await other.chat.completions.create(
            model="tiny", messages=[{"role": "user", "content": "Hi"}], stream=True
        )
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])
        assert text == TEXT
        with pytest.raises(openai.AuthenticationError):
            await other.with_options(api_key="il_wrong").models.list()


async def test_request_ids_are_taken_over_where_sane_and_go_upstream(
    gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    async with gateway.post("/generate", {"inputs": "Hi"}, **{"x-request-id": "trace-1:a"}) as response:
        assert response.headers["x-request-id"] == "trace-1:a"
    assert upstream.headers[-1]["x-request-id"] == "trace-1:a"
    async with gateway.post("/generate", {"inputs": "Hi"}, **{"x-request-id": 'a"b c' + "d" * 200}) as response:
        assert response.headers["x-request-id"].startswith("req_")


async def test_a_request_id_that_is_used_again_is_metered_again(gateway: RunningGateway) -> None:
    for _ in range(3):
        async with gateway.post("/generate", {"inputs": "Hi"}, **{"x-request-id": "always-the-same"}) as response:
            assert response.status == 200
    rows = await gateway.usage(rows=3)
    assert len({row["request_id"] for row in rows}) == 3
    assert sum(row["completion_tokens"] for row in rows) == 15


async def test_neither_key_nor_cookie_goes_upstream(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    async with gateway.post("/generate", {"inputs": "Hi"}, cookie="session=secret") as response:
        assert response.status == 200
    assert not {"authorization", "cookie", "x-api-key"} & upstream.headers[-1].keys()


async def test_the_upstreams_own_errors_pass_unchanged(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    upstream.fail_with = (422, {"error": "inputs too long", "error_type": "validation"})
    async with gateway.post("/generate", {"inputs": "Hi"}) as response:
        assert response.status == 422
        assert await response.json() == upstream.fail_with[1]
        assert response.headers["x-upstream"] == "said so"
    (row,) = await gateway.usage(rows=1)
    assert (row["status"], row["completion_tokens"]) == (422, 0)


async def test_a_body_that_is_no_json_goes_upstream_as_it_is(
    gateway: RunningGateway, upstream: ScriptedUpstream
) -> None:
    async with gateway.session.post(
        gateway.url + "/generate", data=b"{broken", headers=gateway.headers() | {"content-type": "application/json"}
    ) as response:
        assert response.status == 500
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/generate", 405, "method_not_allowed"),
        ("DELETE", "/v1/chat/completions", 405, "method_not_allowed"),
        ("POST", "/healthz", 405, "method_not_allowed"),
    ],
)
async def test_wrong_paths_and_methods_are_refused_in_openais_shape(
    gateway: RunningGateway, method: str, path: str, status: int, code: str
) -> None:
    async with gateway.session.request(method, gateway.url + path, headers=gateway.headers()) as response:
        assert response.status == status
        error = (await response.json())["error"]
    assert error["code"] == code
    assert error["request_id"] == response.headers["x-request-id"]
    assert set(error) >= {"message", "type", "param", "code"}


async def test_large_bodies_are_refused_whether_announced_or_not(gateway: RunningGateway) -> None:
    async with gateway.post("/generate", {"inputs": "x" * 20_000}) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (413, "request_too_large")

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 1000

    headers = gateway.headers() | {"content-type": "application/json"}
    async with gateway.session.post(gateway.url + "/generate", data=chunks(), headers=headers) as response:
        assert response.status == 413


async def test_other_media_types_are_refused_with_the_header_to_send(gateway: RunningGateway) -> None:
    async with gateway.session.post(gateway.url + "/generate", data="x", headers=gateway.headers()) as response:
        assert response.status == 415
        assert "Content-Type: application/json" in await response.text()


async def test_large_heads_are_refused(gateway: RunningGateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rsplit(":", 1)[1]))
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-large: " + b"a" * 200_000 + b"\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(100), 5)
    writer.close()
    assert answer.split(b" ")[1] in (b"431", b"400")


async def test_metrics_count_requests_tokens_and_times(gateway: RunningGateway) -> None:
    async with gateway.chat(stream=True) as response:
        await response.read()
    await gateway.usage(rows=1)
    async with gateway.session.get(gateway.url + "/metrics") as response:
        text = await response.text()
    assert 'inferloop_gateway_requests_total{endpoint="/v1/chat/completions",status="200"} 1.0' in text
    assert 'inferloop_gateway_tokens_total{kind="completion",model="tiny"} 5.0' in text
    assert 'inferloop_gateway_time_to_first_token_seconds_count{endpoint="/v1/chat/completions"} 1.0' in text
    assert 'inferloop_gateway_upstream_up{model="tiny",url="' in text
    assert "inferloop_gateway_journal_lost_records 0.0" in text
    assert "acme" not in text


async def test_nothing_secret_is_logged(gateway: RunningGateway, upstream: ScriptedUpstream) -> None:
    upstream.fail_with = (500, {"error": "x"})
    async with gateway.chat() as response:
        assert response.status == 500
    deadline = time.monotonic() + 5
    while "request failed" not in gateway.log:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    for secret in (gateway.key, gateway.admin_key, "test-only", '"Hi"'):
        assert secret not in gateway.log
