import json
from typing import Any

import aiohttp
import pytest

from tests.support.model_server import running_model_server
from tests.support.scripted_engine import ScriptedEngine


async def post(url: str, body: Any) -> tuple[int, Any, Any]:
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
        return response.status, json.loads(await response.read()), response.headers


async def events_of(url: str, body: Any) -> list[Any]:
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        text = (await response.read()).decode()
    blocks = text.split("\n\n")
    assert blocks.pop() == ""
    assert all(block.startswith("data:{") for block in blocks)
    return [json.loads(block.removeprefix("data:")) for block in blocks]


async def test_generate_returns_the_text_alone_and_the_compute_headers() -> None:
    async with running_model_server(ScriptedEngine()) as (url, _):
        status, body, headers = await post(f"{url}/generate", {"inputs": "Hi", "parameters": {"max_new_tokens": 9}})
    assert (status, body) == (200, {"generated_text": "Hello world!"})
    assert headers["x-prompt-tokens"] == "2"
    assert headers["x-generated-tokens"] == "5"
    assert headers["x-compute-characters"] == "2"
    assert headers["x-compute-type"] == "cpu"
    assert float(headers["x-compute-time"]) > 0


async def test_details_hold_tokens_prefill_alternatives_and_the_seed() -> None:
    parameters = {"details": True, "decoder_input_details": True, "top_n_tokens": 2, "do_sample": True, "seed": 7}
    async with running_model_server(ScriptedEngine()) as (url, _):
        _, body, _ = await post(f"{url}/generate", {"inputs": "Hi", "parameters": parameters})
    details = body["details"]
    assert details["finish_reason"] == "eos_token"
    assert details["generated_tokens"] == 5
    assert details["seed"] == 7
    assert details["prefill"] == [
        {"id": 72, "text": "H", "logprob": None},
        {"id": 105, "text": "i", "logprob": -1.0},
    ]
    assert details["tokens"][0] == {"id": 1000, "text": "Hello", "logprob": -0.5, "special": False}
    assert details["tokens"][-1]["special"] is True
    assert [token["text"] for token in details["top_tokens"][0]] == ["Hello", "Hello~1"]


async def test_the_root_path_answers_a_list_or_a_stream_as_the_stream_flag_says() -> None:
    async with running_model_server(ScriptedEngine()) as (url, _):
        _, whole, _ = await post(f"{url}/", {"inputs": "Hi", "parameters": {}})
        events = await events_of(f"{url}/", {"inputs": "Hi", "parameters": {}, "stream": True})
    assert whole == [{"generated_text": "Hello world!"}]
    assert events[-1]["generated_text"] == "Hello world!"


async def test_a_stream_has_one_event_a_token_and_text_and_details_on_the_last() -> None:
    body = {"inputs": "Hi", "parameters": {"details": True, "top_n_tokens": 1}}
    async with running_model_server(ScriptedEngine()) as (url, _):
        events = await events_of(f"{url}/generate_stream", body)
    assert [event["index"] for event in events] == [1, 2, 3, 4, 5]
    assert [event["token"]["text"] for event in events] == ["Hello", " wor", "ld", "!", "</s>"]
    assert all(event["generated_text"] is None and event["details"] is None for event in events[:-1])
    assert events[0]["top_tokens"] == [{"id": 1000, "text": "Hello", "logprob": -0.5, "special": False}]
    assert events[-1]["generated_text"] == "Hello world!"
    assert events[-1]["details"] == {
        "finish_reason": "eos_token",
        "generated_tokens": 5,
        "seed": None,
        "input_length": 2,
    }


async def test_the_text_includes_the_stop_sequence_as_tgi_does() -> None:
    body = {"inputs": "Hi", "parameters": {"stop": ["wor"], "details": True}}
    async with running_model_server(ScriptedEngine()) as (url, _):
        _, whole, _ = await post(f"{url}/generate", body)
        events = await events_of(f"{url}/generate_stream", body)
    assert whole["generated_text"] == "Hello wor"
    assert whole["details"]["finish_reason"] == "stop_sequence"
    assert events[-1]["generated_text"] == "Hello wor"


async def test_the_full_text_begins_with_the_prompt_when_asked_for() -> None:
    body = {"inputs": "Hi: ", "parameters": {"return_full_text": True}}
    async with running_model_server(ScriptedEngine()) as (url, _):
        _, whole, _ = await post(f"{url}/generate", body)
        events = await events_of(f"{url}/generate_stream", body)
    assert whole["generated_text"] == "Hi: Hello world!"
    assert events[-1]["generated_text"] == "Hi: Hello world!"


async def test_truncate_keeps_the_last_tokens_of_the_input() -> None:
    engine = ScriptedEngine()
    async with running_model_server(engine) as (url, _):
        await post(f"{url}/generate", {"inputs": "abcdef", "parameters": {"truncate": 2}})
    assert engine.requests[0].prompt_token_ids == (ord("e"), ord("f"))


@pytest.mark.parametrize(
    ("parameters", "sampled"),
    [
        (None, True),
        ({}, False),
        ({"do_sample": True}, True),
        ({"temperature": 1.0}, False),
        ({"temperature": 0.5}, True),
        ({"top_k": 5}, True),
        ({"seed": 3}, False),
    ],
)
async def test_sampling_is_chosen_as_tgi_chooses_it(parameters: dict[str, Any] | None, sampled: bool) -> None:
    engine = ScriptedEngine()
    body = {"inputs": "Hi"} if parameters is None else {"inputs": "Hi", "parameters": parameters}
    async with running_model_server(engine) as (url, _):
        await post(f"{url}/generate", body)
    assert engine.requests[0].sampling.do_sample is sampled


async def test_every_parameter_reaches_the_engine() -> None:
    engine = ScriptedEngine()
    parameters = {
        "temperature": 0.7,
        "top_k": 5,
        "top_p": 0.9,
        "typical_p": 0.8,
        "repetition_penalty": 1.2,
        "frequency_penalty": 0.3,
        "seed": 2**64 - 1,
        "max_new_tokens": 3,
        "stop": ["x", "y"],
    }
    async with running_model_server(engine) as (url, _):
        await post(f"{url}/generate", {"inputs": "Hi", "parameters": parameters})
    request = engine.requests[0]
    sampling = request.sampling
    assert (sampling.temperature, sampling.top_k, sampling.top_p, sampling.typical_p) == (0.7, 5, 0.9, 0.8)
    assert (sampling.repetition_penalty, sampling.frequency_penalty, sampling.seed) == (1.2, 0.3, 2**64 - 1)
    assert (request.max_new_tokens, request.stop_sequences) == (3, ("x", "y"))


async def test_without_max_new_tokens_all_that_is_left_may_be_generated() -> None:
    engine = ScriptedEngine()
    async with running_model_server(engine, max_total_tokens=50) as (url, _):
        await post(f"{url}/generate", {"inputs": "Hi", "parameters": {}})
    assert engine.requests[0].max_new_tokens == 48


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"inputs": ""}, "`inputs` cannot be empty"),
        ({"inputs": "x", "parameters": {"temperature": 0}}, "`temperature` must be strictly positive"),
        ({"inputs": "x", "parameters": {"repetition_penalty": 0}}, "`repetition_penalty` must be strictly positive"),
        ({"inputs": "x", "parameters": {"frequency_penalty": 3}}, "`frequency_penalty` must be >= -2.0 and <= 2.0"),
        ({"inputs": "x", "parameters": {"top_p": 1.0}}, "`top_p` must be > 0.0 and < 1.0"),
        ({"inputs": "x", "parameters": {"typical_p": 0.0}}, "`typical_p` must be > 0.0 and < 1.0"),
        ({"inputs": "x", "parameters": {"top_k": 0}}, "`top_k` must be strictly positive"),
        ({"inputs": "x", "parameters": {"max_new_tokens": 0}}, "`max_new_tokens` must be strictly positive"),
        ({"inputs": "x", "parameters": {"stop": list("abcde")}}, "`stop` supports up to 4 stop sequences. Given: 5"),
        ({"inputs": "x", "parameters": {"stop": [""]}}, "`stop` cannot hold an empty string"),
        ({"inputs": "x", "parameters": {"top_n_tokens": 6}}, "`top_n_tokens` must be >= 0 and <= 5. Given: 6"),
        ({"inputs": "x", "parameters": {"best_of": 2}}, "`best_of` != 1 is not allowed for this endpoint"),
        (
            {"inputs": "x", "parameters": {"truncate": 0}},
            "`truncate` must be strictly positive and less than 10. Given: 0",
        ),
        (
            {"inputs": "x" * 11, "parameters": {"max_new_tokens": 1}},
            "`inputs` must have less than 10 tokens. Given: 11",
        ),
        (
            {"inputs": "xx", "parameters": {"max_new_tokens": 19}},
            "`inputs` tokens + `max_new_tokens` must be <= 20. Given: 2 `inputs` tokens and 19 `max_new_tokens`",
        ),
        ({"inputs": "x", "parameters": {"grammar": {"type": "regex", "value": "a"}}}, "grammar is not supported"),
        ({"inputs": "x", "parameters": {"watermark": True}}, "`watermark` is not supported"),
        ({"inputs": "x", "parameters": {"adapter_id": "a"}}, "`adapter_id` is not supported"),
        ({"inputs": "x", "parameters": {"temperature": "hot"}}, "`parameters.temperature`"),
        ({"inputs": 3}, "`inputs`"),
        ({}, "`inputs`: Field required"),
        ([], "must be a JSON object"),
    ],
)
async def test_a_wrong_request_is_refused_in_tgis_words(body: Any, message: str) -> None:
    async with running_model_server(ScriptedEngine(), max_input_tokens=10, max_total_tokens=20) as (url, _):
        for path in ("/generate", "/generate_stream", "/"):
            status, answer, _ = await post(url + path, body)
            assert status == 422
            assert answer["error_type"] == "validation"
            assert answer["error"].startswith("Input validation error: ")
            assert message in answer["error"]


async def test_prefill_details_are_refused_on_a_stream() -> None:
    body = {"inputs": "x", "parameters": {"decoder_input_details": True}}
    async with running_model_server(ScriptedEngine()) as (url, _):
        status, answer, _ = await post(f"{url}/generate_stream", body)
    assert status == 422
    assert "`decoder_input_details` == true is not supported when streaming tokens" in answer["error"]


async def test_a_body_that_is_not_json_is_refused() -> None:
    async with (
        running_model_server(ScriptedEngine()) as (url, _),
        aiohttp.ClientSession() as session,
        session.post(f"{url}/generate", data=b"{") as response,
    ):
        assert response.status == 422
        assert "not valid JSON" in (await response.json())["error"]


async def test_tokenize_gives_ids_and_positions() -> None:
    async with running_model_server(ScriptedEngine()) as (url, _):
        _, tokens, _ = await post(f"{url}/tokenize", {"inputs": "Hi"})
        _, chat, _ = await post(f"{url}/chat_tokenize", {"messages": [{"role": "user", "content": "Hi"}]})
        status, _, _ = await post(f"{url}/tokenize", {"inputs": ""})
    assert tokens == [
        {"id": 72, "text": "H", "start": 0, "stop": 1},
        {"id": 105, "text": "i", "start": 1, "stop": 2},
    ]
    assert chat["templated_text"] == "<user>Hi\n"
    assert len(chat["tokenize_response"]) == len("<user>Hi\n")
    assert status == 422


async def test_info_describes_the_model_and_its_limits() -> None:
    async with (
        running_model_server(ScriptedEngine()) as (url, _),
        aiohttp.ClientSession() as session,
        session.get(f"{url}/info") as response,
    ):
        info = await response.json()
    assert info["model_id"] == "test/scripted"
    assert info["model_sha"] == "abcdef0123456789"
    assert info["model_dtype"] == "torch.float32"
    assert (info["max_input_tokens"], info["max_total_tokens"], info["max_best_of"]) == (1024, 2048, 1)
    assert info["num_shard"] == 1


async def test_a_failing_engine_gives_424_or_an_error_event() -> None:
    async with running_model_server(ScriptedEngine(fail_after=0)) as (url, _):
        status, answer, _ = await post(f"{url}/generate", {"inputs": "Hi"})
        early, early_answer, _ = await post(f"{url}/generate_stream", {"inputs": "Hi"})
    assert (status, early) == (424, 424)
    assert answer == early_answer
    assert answer == {"error": "Request failed during generation: shard 1 was lost", "error_type": "generation"}
    async with running_model_server(ScriptedEngine(fail_after=2)) as (url, _):
        events = await events_of(f"{url}/generate_stream", {"inputs": "Hi"})
    assert "token" in events[0]
    assert events[-1]["error_type"] == "generation"


async def test_a_generation_without_an_end_is_incomplete() -> None:
    async with running_model_server(ScriptedEngine(end_missing=True)) as (url, _):
        status, answer, _ = await post(f"{url}/generate", {"inputs": "Hi"})
    assert status == 500
    assert answer == {"error": "Incomplete generation", "error_type": "incomplete_generation"}


async def test_a_generation_that_takes_too_long_is_ended() -> None:
    engine = ScriptedEngine(step_s=5)
    async with running_model_server(engine, request_timeout_s=1) as (url, _):
        status, answer, _ = await post(f"{url}/generate", {"inputs": "Hi"})
    assert status == 504
    assert answer["error_type"] == "timeout"
    assert len(engine.cancelled) == 1
