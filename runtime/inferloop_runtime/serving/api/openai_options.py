"""What OpenAI's two generation requests have in common.

Names, defaults and ranges: https://platform.openai.com/docs/api-reference/completions and .../chat. `top_k`,
`repetition_penalty` and `ignore_eos` are the usual extensions of self-hosted servers (vLLM has the same names).
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from inferloop_runtime.serving.api.errors import Problem, RequestError, invalid
from inferloop_runtime.serving.api.generation import GenerationService, new_generation_id
from inferloop_runtime.serving.engine import GenerationRequest, SamplingParameters

MAX_CHOICES = 16

# What clients send as the model where they know only an address: TGI's documentation, huggingface_hub.
_ANY_MODEL = ("", "tgi", "dummy")

_StopSequence = Annotated[str, Field(min_length=1)]


class StreamOptions(BaseModel):
    """What a stream tells besides text."""

    model_config = ConfigDict(extra="ignore")

    include_usage: bool | None = None


class OpenAIOptions(BaseModel):
    """Parameters of both requests; unknown names are ignored, as OpenAI's clients send new ones often."""

    model_config = ConfigDict(strict=True, extra="ignore")

    model: str | None = None
    n: int | None = Field(default=None, ge=1, le=MAX_CHOICES)
    stop: _StopSequence | list[_StopSequence] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = None
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    repetition_penalty: float | None = Field(default=None, gt=0)
    ignore_eos: bool | None = None
    logit_bias: dict[str, Any] | None = None

    @property
    def stop_sequences(self) -> tuple[str, ...]:
        """Return the stop sequences, however many were given."""
        if self.stop is None:
            return ()
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)

    @property
    def include_usage(self) -> bool:
        """Tell whether a stream ends with the usage figures."""
        return bool(self.stream_options and self.stream_options.include_usage)

    def refuse_unsupported(self) -> None:
        """Raise RequestError that names what this engine does not do."""
        if self.logit_bias:
            raise invalid("`logit_bias` is not supported by this engine: leave it out", param="logit_bias")
        if self.stream_options is not None and not self.stream:
            raise invalid("`stream_options` needs `stream` to be true", param="stream_options")
        if len(self.stop_sequences) > 4:
            raise invalid("`stop` takes up to 4 sequences", param="stop")

    def require_model(self, model_id: str) -> None:
        """Raise RequestError (404) where another model than `model_id` is asked for."""
        if self.model is None or self.model in _ANY_MODEL or self.model == model_id:
            return
        raise unknown_model(self.model, model_id)


def unknown_model(name: str, model_id: str) -> RequestError:
    """Make the refusal of a model that is not served."""
    message = f"The model `{name[:200]}` does not exist here; this server has `{model_id}`"
    return RequestError(Problem.NOT_FOUND, message, param="model", code="model_not_found")


def generation_requests(
    service: GenerationService,
    options: OpenAIOptions,
    prompts: list[tuple[int, ...]],
    *,
    prompt_param: Literal["prompt", "messages"],
    max_tokens: int | None,
    top_n_tokens: int,
) -> list[GenerationRequest]:
    """Return one generation for each prompt and each of its `n` choices, in OpenAI's order of choices.

    A given `seed` is used for the first choice of each prompt, and the numbers after it for the others. Without
    `max_tokens` a generation may use all tokens that are left. Raises RequestError where a prompt is empty or too long.
    """
    choices = options.n or 1
    if len(prompts) * choices > MAX_CHOICES:
        raise invalid(
            f"{len(prompts)} prompts with n = {choices} are more than {MAX_CHOICES} choices; send fewer at a time",
            param="n" if choices > 1 else prompt_param,
        )
    requests = []
    for prompt in prompts:
        room = service.max_total_tokens - len(prompt)
        if not prompt:
            raise invalid("the prompt has no tokens", param=prompt_param)
        if len(prompt) > service.max_input_tokens or (max_tokens or 1) > room:
            wanted = f" and {max_tokens} in the completion" if max_tokens else ""
            raise invalid(
                f"This model's maximum context length is {service.max_total_tokens} tokens, at most "
                f"{service.max_input_tokens} of them in the prompt. However, your request has {len(prompt)} tokens in "
                f"the prompt{wanted}. Please shorten the prompt or ask for fewer tokens.",
                param=prompt_param,
                code="context_length_exceeded",
            )
        for choice in range(choices):
            requests.append(
                GenerationRequest(
                    request_id=new_generation_id(),
                    prompt_token_ids=prompt,
                    max_new_tokens=max_tokens or room,
                    sampling=_sampling(options, choice),
                    stop_sequences=options.stop_sequences,
                    ignore_eos=bool(options.ignore_eos),
                    top_n_tokens=top_n_tokens,
                )
            )
    return requests


def _sampling(options: OpenAIOptions, choice: int) -> SamplingParameters:
    temperature = 1.0 if options.temperature is None else options.temperature
    top_k = options.top_k if options.top_k is not None and options.top_k > 0 else None
    return SamplingParameters(
        do_sample=temperature > 0,
        temperature=temperature or 1.0,
        top_k=top_k,
        top_p=None if options.top_p in (None, 1) else options.top_p,
        repetition_penalty=options.repetition_penalty or 1.0,
        frequency_penalty=options.frequency_penalty or 0.0,
        presence_penalty=options.presence_penalty or 0.0,
        # Negative seeds are allowed by OpenAI; the engine's are 64 bits without a sign.
        seed=None if options.seed is None else (options.seed + choice) % 2**64,
    )
