import uuid

import openai
import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

from tests.e2e.conftest import Service

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.xdist_group("dev-stack")]
MESSAGES = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture
def hugging_face(service: Service) -> InferenceClient:
    return InferenceClient(service.gateway_url, token=service.key, timeout=60)


@pytest.fixture
def open_ai(service: Service) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{service.gateway_url}/v1", api_key=service.key, timeout=60, max_retries=0)


def test_text_is_generated_for_the_hugging_face_client(hugging_face: InferenceClient) -> None:
    first = hugging_face.text_generation("Hello", max_new_tokens=8, do_sample=False)
    assert isinstance(first, str)
    assert first == hugging_face.text_generation("Hello", max_new_tokens=8, do_sample=False)


def test_details_say_why_generation_ended_and_which_tokens_came(hugging_face: InferenceClient) -> None:
    answer = hugging_face.text_generation("Hello", max_new_tokens=5, details=True, decoder_input_details=True)
    assert answer.details is not None
    assert answer.details.generated_tokens == len(answer.details.tokens)
    assert answer.details.generated_tokens <= 5
    assert answer.details.finish_reason in ("length", "eos_token")
    assert len(answer.details.prefill) >= 1


def test_streamed_tokens_make_the_same_text(hugging_face: InferenceClient) -> None:
    whole = hugging_face.text_generation("Hello", max_new_tokens=6, do_sample=False)
    parts = list(hugging_face.text_generation("Hello", max_new_tokens=6, do_sample=False, stream=True))
    assert "".join(parts) == whole
    detailed = list(hugging_face.text_generation("Hello", max_new_tokens=6, do_sample=False, stream=True, details=True))
    assert detailed[-1].generated_text == whole
    assert detailed[-1].details is not None
    assert detailed[-1].details.generated_tokens == len(detailed)


def test_chat_is_completed_and_streamed_for_the_hugging_face_client(hugging_face: InferenceClient) -> None:
    whole = hugging_face.chat_completion(MESSAGES, max_tokens=6, temperature=0)
    assert whole.usage.completion_tokens <= 6
    streamed = "".join(
        chunk.choices[0].delta.content or ""
        for chunk in hugging_face.chat_completion(MESSAGES, max_tokens=6, temperature=0, stream=True)
        if chunk.choices
    )
    assert streamed == whole.choices[0].message.content


def test_the_openai_client_lists_the_model(open_ai: openai.OpenAI, service: Service) -> None:
    assert [model.id for model in open_ai.models.list()] == [service.model]


def test_the_openai_client_chats_and_streams(open_ai: openai.OpenAI, service: Service) -> None:
    whole = open_ai.chat.completions.create(model=service.model, messages=MESSAGES, max_tokens=6, temperature=0)
    assert whole.choices[0].finish_reason in ("stop", "length")
    assert whole.usage is not None
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
    stream = open_ai.chat.completions.create(
        model=service.model,
        messages=MESSAGES,
        max_tokens=6,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage


def test_the_openai_client_completes_text(open_ai: openai.OpenAI, service: Service) -> None:
    answer = open_ai.completions.create(model=service.model, prompt="Hello", max_tokens=4, temperature=0)
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 4


def test_a_wrong_key_is_refused_for_both_clients(service: Service) -> None:
    wrong = "il_aaaaaaaaaaaa_" + "a" * 52
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{service.gateway_url}/v1", api_key=wrong, max_retries=0).models.list()
    with pytest.raises(HfHubHTTPError):
        InferenceClient(service.gateway_url, token=wrong).text_generation("Hello", max_new_tokens=1)


def test_an_unknown_model_and_a_wrong_parameter_are_clear_errors(open_ai: openai.OpenAI, service: Service) -> None:
    with pytest.raises(openai.NotFoundError, match="no-such-model"):
        open_ai.chat.completions.create(model="no-such-model", messages=MESSAGES, max_tokens=1)
    with pytest.raises((openai.BadRequestError, openai.UnprocessableEntityError), match="temperature"):
        open_ai.chat.completions.create(model=service.model, messages=MESSAGES, max_tokens=1, temperature=-1)


def test_a_request_keeps_the_id_that_its_client_gave_it(open_ai: openai.OpenAI, service: Service) -> None:
    wanted = f"test-{uuid.uuid4().hex}"
    answer = open_ai.chat.completions.with_raw_response.create(
        model=service.model, messages=MESSAGES, max_tokens=1, extra_headers={"X-Request-Id": wanted}
    )
    assert answer.headers["x-request-id"] == wanted
