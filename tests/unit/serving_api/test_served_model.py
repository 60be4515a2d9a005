import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import openai
import pytest
from huggingface_hub import InferenceClient
from inferloop_runtime.serving.api.health_probe import probe_health

from tests.support.postgres import free_port
from tests.support.tiny_model import tiny_model


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real command with the real engine and the tiny model; the server's address."""
    run_dir = tmp_path_factory.mktemp("served")
    port = free_port()
    settings = {
        "model_path": str(tiny_model()),
        "model_id": "tiny",
        "port": port,
        "threads": 1,
        "max_total_tokens": 256,
        "max_input_tokens": 128,
        "run_dir": str(run_dir),
    }
    config = run_dir / "serve.json"
    config.write_text(json.dumps(settings))
    log = run_dir / "log"
    command = [sys.executable, "-m", "inferloop_runtime.main", "serve", "--config", str(config)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stderr=output)
    try:
        deadline = time.monotonic() + 120
        while probe_health(f"http://127.0.0.1:{port}/health", 2) is not None:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_plain_streamed_and_detailed_generations_are_the_same_text(served: str) -> None:
    client = InferenceClient(served)
    detailed = client.text_generation(
        "Hello", max_new_tokens=8, details=True, decoder_input_details=True, top_n_tokens=2, return_full_text=False
    )
    assert detailed.details is not None
    assert detailed.details.generated_tokens == len(detailed.details.tokens) <= 8
    assert detailed.details.prefill[0].logprob is None
    assert all(entry.logprob is not None and entry.logprob <= 0 for entry in detailed.details.prefill[1:])
    assert detailed.details.top_tokens is not None
    assert [len(entry) for entry in detailed.details.top_tokens] == [2] * len(detailed.details.tokens)
    events = list(client.text_generation("Hello", max_new_tokens=8, details=True, stream=True))
    assert [event.token.id for event in events] == [token.id for token in detailed.details.tokens]
    assert events[-1].generated_text == detailed.generated_text
    assert client.text_generation("Hello", max_new_tokens=8) == detailed.generated_text


def test_a_seed_makes_sampling_repeat(served: str) -> None:
    client = InferenceClient(served)
    texts = {
        client.text_generation("Hello", max_new_tokens=12, do_sample=True, temperature=1.5, seed=11) for _ in range(3)
    }
    assert len(texts) == 1


def test_chats_and_completions_agree_with_their_streams(served: str) -> None:
    client = openai.OpenAI(base_url=f"{served}/v1", api_key="none", max_retries=0)
    messages: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "Hello"}]
    whole = client.chat.completions.create(model="tiny", messages=messages, max_tokens=8, temperature=0, logprobs=True)
    stream = client.chat.completions.create(
        model="tiny",
        messages=messages,
        max_tokens=8,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage
    assert whole.usage is not None
    assert whole.usage.completion_tokens <= 8
    several = client.completions.create(model="tiny", prompt=["Hello", "World"], n=2, max_tokens=5, seed=3)
    assert [choice.index for choice in several.choices] == [0, 1, 2, 3]
    client.close()


def test_a_stop_sequence_of_the_models_own_words_ends_it(served: str) -> None:
    client = InferenceClient(served)
    text = client.text_generation("Hello", max_new_tokens=16)
    stop = text[len(text) // 2 : len(text) // 2 + 2]
    stopped = client.text_generation("Hello", max_new_tokens=16, stop=[stop], details=True)
    assert stopped.details is not None
    assert stopped.details.finish_reason == "stop_sequence"
    assert stop in stopped.generated_text
    api = openai.OpenAI(base_url=f"{served}/v1", api_key="none")
    answer = api.completions.create(model="tiny", prompt="Hello", max_tokens=16, temperature=0, stop=stop)
    assert answer.choices[0].text == text.split(stop)[0]
    api.close()
