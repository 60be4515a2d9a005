"""TGI's generation request: its JSON, its limits and its refusals.

Limits, defaults and messages are those of TGI 3.3's router (router/src/validation.rs and router/src/lib.rs).
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from inferloop_runtime.serving.api.errors import RequestError, invalid
from inferloop_runtime.serving.api.generation import GenerationService, new_generation_id
from inferloop_runtime.serving.engine import GenerationRequest, SamplingParameters

MAX_STOP_SEQUENCES = 4
MAX_TOP_N_TOKENS = 5
MAX_BEST_OF = 1

_UnsignedLong = Annotated[int, Field(ge=0, lt=2**64)]
_Unsigned = Annotated[int, Field(ge=0, lt=2**32)]


class GenerateParameters(BaseModel):
    """How to continue the input; unknown names are ignored, as TGI does."""

    model_config = ConfigDict(strict=True, extra="ignore")

    best_of: _Unsigned | None = None
    temperature: float | None = None
    repetition_penalty: float | None = None
    frequency_penalty: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    typical_p: float | None = None
    do_sample: bool = False
    max_new_tokens: _Unsigned | None = None
    return_full_text: bool | None = None
    stop: list[str] | None = None
    truncate: _Unsigned | None = None
    watermark: bool = False
    details: bool = False
    decoder_input_details: bool = False
    seed: _UnsignedLong | None = None
    top_n_tokens: _Unsigned | None = None
    grammar: Any = None
    adapter_id: str | None = None


class GenerateRequest(BaseModel):
    """The body of `/generate`, `/generate_stream`, `/tokenize` and, where `stream` decides, of `/`."""

    model_config = ConfigDict(strict=True, extra="ignore")

    inputs: str
    # TGI samples where a request names no parameters at all, and is greedy where it names some.
    parameters: GenerateParameters | None = Field(default_factory=lambda: GenerateParameters(do_sample=True))
    stream: bool = False

    @property
    def options(self) -> GenerateParameters:
        """Return the parameters; a null is what an absent key is."""
        return self.parameters or GenerateParameters(do_sample=True)


def _check(options: GenerateParameters, *, stream: bool) -> RequestError | None:
    unsupported = {
        "watermark": options.watermark,
        "adapter_id": options.adapter_id is not None,
    }
    for name, given in unsupported.items():
        if given:
            return invalid(f"`{name}` is not supported by this engine: leave it out", param=name)
    if options.grammar is not None:
        return invalid("grammar is not supported by this engine: leave `grammar` out", param="grammar")
    if (options.best_of or 1) != 1:
        return invalid("`best_of` != 1 is not allowed for this endpoint", param="best_of")
    if stream and options.decoder_input_details:
        return invalid(
            "`decoder_input_details` == true is not supported when streaming tokens", param="decoder_input_details"
        )
    if options.temperature is not None and not options.temperature > 0:
        return invalid("`temperature` must be strictly positive", param="temperature")
    if options.repetition_penalty is not None and not options.repetition_penalty > 0:
        return invalid("`repetition_penalty` must be strictly positive", param="repetition_penalty")
    if options.frequency_penalty is not None and not -2 <= options.frequency_penalty <= 2:
        return invalid("`frequency_penalty` must be >= -2.0 and <= 2.0", param="frequency_penalty")
    for name, fraction in (("top_p", options.top_p), ("typical_p", options.typical_p)):
        if fraction is not None and not 0 < fraction < 1:
            return invalid(f"`{name}` must be > 0.0 and < 1.0", param=name)
    if options.top_k is not None and options.top_k <= 0:
        return invalid("`top_k` must be strictly positive", param="top_k")
    if options.max_new_tokens == 0:
        return invalid("`max_new_tokens` must be strictly positive", param="max_new_tokens")
    stops = options.stop or []
    if len(stops) > MAX_STOP_SEQUENCES:
        return invalid(f"`stop` supports up to {MAX_STOP_SEQUENCES} stop sequences. Given: {len(stops)}", param="stop")
    if "" in stops:
        return invalid("`stop` cannot hold an empty string", param="stop")
    if (options.top_n_tokens or 0) > MAX_TOP_N_TOKENS:
        return invalid(
            f"`top_n_tokens` must be >= 0 and <= {MAX_TOP_N_TOKENS}. Given: {options.top_n_tokens}",
            param="top_n_tokens",
        )
    return None


def _sampling(options: GenerateParameters) -> SamplingParameters:
    # TGI's token chooser samples where asked to, and where a parameter changes the distribution
    # (server/text_generation_server/utils/tokens.py: `sampling = do_sample or has_warpers`).
    temperature = 1.0 if options.temperature is None else options.temperature
    changed = temperature != 1.0 or any(
        value is not None for value in (options.top_k, options.top_p, options.typical_p)
    )
    return SamplingParameters(
        do_sample=options.do_sample or changed,
        temperature=temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        typical_p=options.typical_p,
        repetition_penalty=1.0 if options.repetition_penalty is None else options.repetition_penalty,
        frequency_penalty=options.frequency_penalty or 0.0,
        seed=options.seed,
    )


async def generation_request(
    service: GenerationService, request: GenerateRequest, *, stream: bool
) -> GenerationRequest:
    """Check a TGI request and tokenise its input.

    `truncate` keeps the last tokens. Without `max_new_tokens` the generation may use all tokens that are left. Raises
    RequestError with TGI's words.
    """
    options = request.options
    error = _check(options, stream=stream)
    if error is not None:
        raise error
    if not request.inputs:
        raise invalid("`inputs` cannot be empty", param="inputs")
    if options.truncate is not None and not 0 < options.truncate <= service.max_input_tokens:
        raise invalid(
            f"`truncate` must be strictly positive and less than {service.max_input_tokens}. Given: {options.truncate}",
            param="truncate",
        )
    ids = await service.encode(request.inputs)
    if options.truncate is not None:
        ids = ids[-options.truncate :]
    if not ids:
        raise invalid("`inputs` cannot be empty: it has no tokens", param="inputs")
    limit = service.max_total_tokens
    max_new_tokens = options.max_new_tokens if options.max_new_tokens is not None else max(limit - len(ids), 1)
    if len(ids) + max_new_tokens > limit:
        raise invalid(
            f"`inputs` tokens + `max_new_tokens` must be <= {limit}. Given: {len(ids)} `inputs` tokens and "
            f"{max_new_tokens} `max_new_tokens`",
            param="max_new_tokens",
        )
    if len(ids) > service.max_input_tokens:
        raise invalid(
            f"`inputs` must have less than {service.max_input_tokens} tokens. Given: {len(ids)}", param="inputs"
        )
    return GenerationRequest(
        request_id=new_generation_id(),
        prompt_token_ids=ids,
        max_new_tokens=max_new_tokens,
        sampling=_sampling(options),
        stop_sequences=tuple(options.stop or ()),
        top_n_tokens=options.top_n_tokens or 0,
        prompt_logprobs=options.decoder_input_details,
    )
