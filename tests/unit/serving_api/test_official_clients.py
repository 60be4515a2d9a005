import asyncio
import time

import huggingface_hub
import openai
import pytest
from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_hub.errors import OverloadedError, ValidationError

from tests.support.model_server import running_model_server
from tests.support.scripted_engine import ScriptedEngine

MESSAGES: list[dict[str, str]] = [{"role": "user", "content": "Hi"}]


async def test_huggingface_hub_generates_text_plain_with_details_and_streamed() -> None:
    def use(url: str) -> None:
        client = InferenceClient(url)
        assert client.text_generation("Hi", max_new_tokens=20) == "Hello world!"
        detailed = client.text_generation(
            "Hi", max_new_tokens=20, details=True, top_n_tokens=2, decoder_input_details=True
        )
        assert detailed.generated_text == "Hello world!"
        assert detailed.details is not None
        assert detailed.details.finish_reason == "eos_token"
        assert [token.text for token in detailed.details.tokens] == ["Hello", " wor", "ld", "!", "</s>"]
        assert [token.id for token in detailed.details.prefill] == [72, 105]
        assert detailed.details.top_tokens is not None
        assert len(detailed.details.top_tokens[0]) == 2
        pieces = list(client.text_generation("Hi", max_new_tokens=20, stream=True))
        assert "".join(pieces) == "Hello world!</s>"
        events = list(client.text_generation("Hi", max_new_tokens=2, stream=True, details=True))
        assert events[-1].details is not None
        assert events[-1].details.finish_reason == "length"
        assert events[-1].details.input_length == 2
        assert events[-1].generated_text == "Hello wor"

    async with running_model_server(ScriptedEngine()) as (url, _):
        await asyncio.to_thread(use, url)


async def test_huggingface_hub_chats_plain_and_streamed() -> None:
    def use(url: str) -> None:
        client = InferenceClient(url)
        answer = client.chat_completion(MESSAGES, max_tokens=20, logprobs=True, top_logprobs=1)
        assert answer.choices[0].message.content == "Hello world!"
        assert answer.choices[0].finish_reason == "stop"
        assert answer.usage.total_tokens == 14
        assert answer.choices[0].logprobs is not None
        assert answer.choices[0].logprobs.content[1].token == " wor"
        chunks = list(client.chat_completion(MESSAGES, stream=True, stream_options={"include_usage": True}))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello world!"
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens == 5

    async with running_model_server(ScriptedEngine()) as (url, _):
        await asyncio.to_thread(use, url)


async def test_huggingface_hub_raises_its_own_errors() -> None:
    async with running_model_server(ScriptedEngine(step_s=0.5), max_concurrent_requests=1) as (url, _):
        client = AsyncInferenceClient(url)
        with pytest.raises(ValidationError, match="`top_p` must be"):
            await client.text_generation("Hi", top_p=2.0)
        with pytest.raises(ValidationError, match="`top_p` must be"):
            await client.text_generation("Hi", top_p=2.0, stream=True)
        with pytest.raises(ValidationError, match="grammar is not supported"):
            await client.text_generation(
                "Hi", grammar=huggingface_hub.TextGenerationInputGrammarType(type="regex", value="a")
            )
        first = asyncio.create_task(client.text_generation("Hi", max_new_tokens=20))
        await asyncio.sleep(0.3)
        with pytest.raises(OverloadedError):
            await client.text_generation("Hi", max_new_tokens=20)
        assert await first == "Hello world!"


async def test_openai_chats_and_completes_plain_and_streamed() -> None:
    async with running_model_server(ScriptedEngine()) as (url, _):
        client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
        models = await client.models.list()
        model = models.data[0].id
        assert (await client.models.retrieve(model)).id == model
        chat = await client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "Hi"}], logprobs=True, top_logprobs=2, stop="!"
        )
        assert chat.choices[0].message.content == "Hello world"
        assert chat.choices[0].logprobs is not None
        assert chat.choices[0].logprobs.content is not None
        assert chat.choices[0].logprobs.content[0].top_logprobs[1].token == "Hello~1"
        assert chat.usage is not None
        assert chat.usage.prompt_tokens == 9
        stream = await client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": "Hi"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello world!"
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.total_tokens == 14
        completion = await client.completions.create(model=model, prompt="Hi", max_tokens=2, logprobs=1)
        assert completion.choices[0].text == "Hello wor"
        assert completion.choices[0].finish_reason == "length"
        texts = await client.completions.create(model=model, prompt="Hi", stream=True)
        assert "".join([chunk.choices[0].text async for chunk in texts]) == "Hello world!"
        await client.close()


async def test_openai_raises_its_own_errors() -> None:
    async with running_model_server(ScriptedEngine(fail_after=1)) as (url, _):
        client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
        with pytest.raises(openai.BadRequestError, match="`tools` is not supported") as refused:
            await client.chat.completions.create(
                model="test/scripted",
                messages=[{"role": "user", "content": "Hi"}],
                tools=[{"type": "function", "function": {"name": "f"}}],
            )
        assert refused.value.param == "tools"
        with pytest.raises(openai.NotFoundError):
            await client.completions.create(model="other", prompt="Hi")
        with pytest.raises(openai.InternalServerError):
            await client.completions.create(model="test/scripted", prompt="Hi")
        stream = await client.completions.create(model="test/scripted", prompt="Hi", stream=True)
        with pytest.raises(openai.APIError, match="shard 1 was lost"):
            _ = [chunk async for chunk in stream]
        await client.close()


async def test_a_stream_arrives_while_it_is_generated() -> None:
    async with running_model_server(ScriptedEngine(step_s=0.2)) as (url, _):
        client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none")
        stream = await client.completions.create(model="test/scripted", prompt="Hi", stream=True)
        arrivals = [time.monotonic() async for _ in stream]
        await client.close()
    assert arrivals[-1] - arrivals[0] > 0.5
