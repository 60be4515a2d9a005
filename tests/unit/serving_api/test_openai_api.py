import json
from typing import Any

import aiohttp
import pytest

from tests.support.model_server import running_model_server
from tests.support.scripted_engine import ScriptedEngine

CHAT = {"model": "test/scripted", "messages": [{"role": "user", "content": "Hi"}]}
COMPLETION = {"model": "test/scripted", "prompt": "Hi", "max_tokens": 20}


async def post(url: str, body: Any) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
        return response.status, json.loads(await response.read())


async def chunks_of(url: str, body: Any) -> list[Any]:
    async with aiohttp.ClientSession() as session, session.post(url, json={**body, "stream": True}) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        text = (await response.read()).decode()
    blocks = text.split("\n\n")
    assert blocks.pop() == ""
    assert blocks.pop() == "data: [DONE]"
    return [json.loads(block.removeprefix("data: ")) for block in blocks]


async def test_a_chat_answers_with_message_usage_and_finish_reason() -> None:
    engine = ScriptedEngine()
    async with running_model_server(engine) as (url, _):
        status, body = await post(f"{url}/v1/chat/completions", CHAT)
    assert status == 200
    assert body["object"] == "chat.completion"
    assert body["id"].startswith("chatcmpl-")
    assert body["model"] == "test/scripted"
    assert body["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello world!", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert body["usage"] == {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
    assert "".join(map(chr, engine.requests[0].prompt_token_ids)) == "<user>Hi\n"
    assert engine.requests[0].max_new_tokens == 2048 - 9


async def test_a_chat_stream_names_the_role_first_and_the_reason_last() -> None:
    async with running_model_server(ScriptedEngine()) as (url, _):
        chunks = await chunks_of(f"{url}/v1/chat/completions", CHAT)
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas == [
        {"role": "assistant", "content": ""},
        {"content": "Hello"},
        {"content": " wor"},
        {"content": "ld"},
        {"content": "!"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * 5 + ["stop"]
    assert all("usage" not in chunk for chunk in chunks)


async def test_a_stream_ends_with_usage_when_asked_for() -> None:
    body = {**CHAT, "stream_options": {"include_usage": True}}
    async with running_model_server(ScriptedEngine()) as (url, _):
        chunks = await chunks_of(f"{url}/v1/chat/completions", body)
    assert all(chunk["usage"] is None for chunk in chunks[:-1])
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}


async def test_chat_logprobs_are_given_whole_and_in_pieces() -> None:
    body = {**CHAT, "logprobs": True, "top_logprobs": 2}
    async with running_model_server(ScriptedEngine()) as (url, _):
        _, whole = await post(f"{url}/v1/chat/completions", body)
        chunks = await chunks_of(f"{url}/v1/chat/completions", body)
    content = whole["choices"][0]["logprobs"]["content"]
    assert [entry["token"] for entry in content] == ["Hello", " wor", "ld", "!"]
    assert content[0]["bytes"] == list(b"Hello")
    assert content[0]["logprob"] == -0.5
    assert [top["token"] for top in content[0]["top_logprobs"]] == ["Hello", "Hello~1"]
    pieces = [chunk["choices"][0]["logprobs"] for chunk in chunks]
    assert [entry for piece in pieces if piece for entry in piece["content"]] == content


async def test_a_completion_answers_with_text_and_logprobs() -> None:
    async with running_model_server(ScriptedEngine()) as (url, _):
        _, body = await post(f"{url}/v1/completions", {**COMPLETION, "logprobs": 1})
        chunks = await chunks_of(f"{url}/v1/completions", {**COMPLETION, "logprobs": 1})
    choice = body["choices"][0]
    assert body["object"] == "text_completion"
    assert (choice["text"], choice["finish_reason"]) == ("Hello world!", "stop")
    assert choice["logprobs"] == {
        "tokens": ["Hello", " wor", "ld", "!"],
        "token_logprobs": [-0.5] * 4,
        "top_logprobs": [{"Hello": -0.5}, {" wor": -0.5}, {"ld": -0.5}, {"!": -0.5}],
        "text_offset": [0, 5, 9, 11],
    }
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == "Hello world!"
    offsets = [offset for chunk in chunks for offset in chunk["choices"][0]["logprobs"]["text_offset"]]
    assert offsets == [0, 5, 9, 11]


async def test_the_end_by_length_is_told() -> None:
    async with running_model_server(ScriptedEngine()) as (url, _):
        _, body = await post(f"{url}/v1/chat/completions", {**CHAT, "max_completion_tokens": 2})
        _, legacy = await post(f"{url}/v1/chat/completions", {**CHAT, "max_tokens": 3})
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 2
    assert legacy["usage"]["completion_tokens"] == 3


@pytest.mark.parametrize("stop", ["world", ["x", " world!"], ["ld"], ["wor"]])
async def test_nothing_of_a_stop_sequence_is_shown(stop: str | list[str]) -> None:
    expected = "Hello world!"
    for sequence in [stop] if isinstance(stop, str) else stop:
        expected = expected.split(sequence)[0]
    async with running_model_server(ScriptedEngine()) as (url, _):
        _, whole = await post(f"{url}/v1/completions", {**COMPLETION, "stop": stop, "logprobs": 0})
        chunks = await chunks_of(f"{url}/v1/completions", {**COMPLETION, "stop": stop})
    assert whole["choices"][0]["text"] == expected
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == expected
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert len("".join(whole["choices"][0]["logprobs"]["tokens"])) >= len(expected)


async def test_several_choices_and_prompts_are_numbered_in_order() -> None:
    engine = ScriptedEngine()
    body = {**COMPLETION, "prompt": ["a", "bb"], "n": 2, "seed": 5}
    async with running_model_server(engine) as (url, _):
        _, whole = await post(f"{url}/v1/completions", body)
        chunks = await chunks_of(f"{url}/v1/completions", {**body, "stream_options": {"include_usage": True}})
    assert [choice["index"] for choice in whole["choices"]] == [0, 1, 2, 3]
    assert whole["usage"] == {"prompt_tokens": 3, "completion_tokens": 20, "total_tokens": 23}
    assert chunks[-1]["usage"] == whole["usage"]
    prompts = sorted((len(request.prompt_token_ids), request.sampling.seed) for request in engine.requests[:4])
    assert prompts == [(1, 5), (1, 6), (2, 5), (2, 6)]
    for index in range(4):
        texts = [choice["text"] for chunk in chunks for choice in chunk["choices"] if choice["index"] == index]
        assert "".join(texts) == "Hello world!"


async def test_prompts_may_be_token_ids() -> None:
    engine = ScriptedEngine()
    async with running_model_server(engine) as (url, _):
        await post(f"{url}/v1/completions", {**COMPLETION, "prompt": [72, 105]})
        await post(f"{url}/v1/completions", {**COMPLETION, "prompt": [[72], [105]]})
        status, _ = await post(f"{url}/v1/completions", {**COMPLETION, "prompt": [0x110000]})
    assert [request.prompt_token_ids for request in engine.requests[:1]] == [(72, 105)]
    assert {request.prompt_token_ids for request in engine.requests[1:]} == {(72,), (105,)}
    assert status == 400


async def test_a_completion_has_sixteen_tokens_when_it_does_not_say() -> None:
    engine = ScriptedEngine()
    async with running_model_server(engine) as (url, _):
        await post(f"{url}/v1/completions", {"prompt": "Hi"})
    assert engine.requests[0].max_new_tokens == 16


async def test_content_in_text_parts_is_joined_and_developers_speak_as_system() -> None:
    engine = ScriptedEngine()
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "H"}, {"type": "text", "text": "i"}]},
        {"role": "assistant", "content": None},
    ]
    async with running_model_server(engine) as (url, _):
        await post(f"{url}/v1/chat/completions", {"messages": messages})
    prompt = "".join(map(chr, engine.requests[0].prompt_token_ids))
    assert prompt == "<system>Be brief.\n<user>Hi\n<assistant>\n"


async def test_sampling_parameters_reach_the_engine() -> None:
    engine = ScriptedEngine()
    options = {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 7,
        "seed": -1,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "repetition_penalty": 1.1,
        "ignore_eos": True,
    }
    async with running_model_server(engine) as (url, _):
        await post(f"{url}/v1/chat/completions", {**CHAT, **options})
        await post(f"{url}/v1/chat/completions", {**CHAT, "temperature": 0, "top_p": 1, "top_k": -1})
    sampling, greedy = engine.requests[0].sampling, engine.requests[1].sampling
    assert (sampling.do_sample, sampling.temperature, sampling.top_p, sampling.top_k) == (True, 0.5, 0.9, 7)
    assert (sampling.frequency_penalty, sampling.presence_penalty, sampling.repetition_penalty) == (0.1, 0.2, 1.1)
    assert sampling.seed == 2**64 - 1
    assert engine.requests[0].ignore_eos
    assert (greedy.do_sample, greedy.top_p, greedy.top_k) == (False, None, None)


@pytest.mark.parametrize(
    ("change", "param", "message"),
    [
        ({"tools": [{"type": "function"}]}, "tools", "`tools` is not supported"),
        ({"tool_choice": "required"}, "tool_choice", "`tool_choice` is not supported"),
        ({"response_format": {"type": "json_schema"}}, "response_format", "`response_format` other than `text`"),
        ({"functions": [{}]}, "functions", "`functions` is not supported"),
        ({"modalities": ["audio"]}, "modalities", "`modalities` is not supported"),
        ({"logit_bias": {"5": 1}}, "logit_bias", "`logit_bias` is not supported"),
        ({"n": 17}, "n", "less than or equal to 16"),
        ({"temperature": 3}, "temperature", "less than or equal to 2"),
        ({"top_logprobs": 2}, None, "`top_logprobs` needs `logprobs`"),
        ({"stop": list("abcde")}, "stop", "up to 4 sequences"),
        ({"stop": ""}, "stop", "at least 1 character"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "needs `stream`"),
        ({"messages": []}, "messages", "at least 1 item"),
        ({"messages": [{"role": "user"}]}, "messages", "`messages[0].content` is missing"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages", "tool calls are not supported"),
        ({"messages": [{"role": "user", "content": "refuse me"}]}, "messages", "the template refuses"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "messages",
            "part of type `image_url`",
        ),
    ],
)
async def test_a_wrong_chat_is_refused_in_openais_shape(change: dict[str, Any], param: str, message: str) -> None:
    async with running_model_server(ScriptedEngine()) as (url, _):
        status, body = await post(f"{url}/v1/chat/completions", {**CHAT, **change})
    assert status == 400
    assert body["error"]["type"] == "invalid_request_error"
    assert body["error"]["param"] == param
    assert message in body["error"]["message"]
    assert set(body["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("change", "param"),
    [({"echo": True}, "echo"), ({"suffix": "x"}, "suffix"), ({"best_of": 3}, "best_of"), ({"prompt": []}, "prompt")],
)
async def test_a_wrong_completion_names_its_parameter(change: dict[str, Any], param: str) -> None:
    async with running_model_server(ScriptedEngine()) as (url, _):
        status, body = await post(f"{url}/v1/completions", {**COMPLETION, **change})
    assert (status, body["error"]["param"]) == (400, param)


async def test_too_many_prompts_are_refused() -> None:
    async with running_model_server(ScriptedEngine()) as (url, _):
        status, body = await post(f"{url}/v1/completions", {**COMPLETION, "prompt": ["a"] * 17})
        empty_status, empty = await post(f"{url}/v1/completions", {**COMPLETION, "prompt": ""})
    assert (status, body["error"]["param"]) == (400, "prompt")
    assert (empty_status, empty["error"]["message"]) == (400, "the prompt has no tokens")


async def test_a_conversation_that_is_too_long_has_openais_code() -> None:
    async with running_model_server(ScriptedEngine(), max_input_tokens=20, max_total_tokens=40) as (url, _):
        long = {"messages": [{"role": "user", "content": "x" * 50}]}
        status, body = await post(f"{url}/v1/chat/completions", long)
        _, wanted = await post(f"{url}/v1/chat/completions", {**CHAT, "max_tokens": 40})
    assert status == 400
    assert body["error"]["code"] == "context_length_exceeded"
    assert "maximum context length is 40 tokens" in body["error"]["message"]
    assert wanted["error"]["code"] == "context_length_exceeded"
    assert "40 in the completion" in wanted["error"]["message"]


async def test_models_are_listed_and_an_unknown_one_is_404() -> None:
    async with running_model_server(ScriptedEngine()) as (url, _), aiohttp.ClientSession() as session:
        async with session.get(f"{url}/v1/models") as response:
            listed = await response.json()
        async with session.get(f"{url}/v1/models/test/scripted") as response:
            one = await response.json()
        async with session.get(f"{url}/v1/models/other") as response:
            assert response.status == 404
            assert (await response.json())["error"]["code"] == "model_not_found"
        status, body = await post(f"{url}/v1/chat/completions", {**CHAT, "model": "other"})
    assert [model["id"] for model in listed["data"]] == ["test/scripted"]
    assert one == listed["data"][0]
    assert (status, body["error"]["param"]) == (404, "model")
    assert "test/scripted" in body["error"]["message"]


async def test_a_failing_engine_is_a_server_error_and_ends_every_choice() -> None:
    engine = ScriptedEngine(fail_after=1)
    async with running_model_server(engine) as (url, _):
        status, body = await post(f"{url}/v1/completions", {**COMPLETION, "n": 3})
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{url}/v1/completions", json={**COMPLETION, "n": 3, "stream": True}) as response,
        ):
            text = await response.text()
        assert engine.running == 0
    assert (status, body["error"]["type"]) == (500, "server_error")
    assert '"type":"server_error"' in text
    assert "[DONE]" not in text
