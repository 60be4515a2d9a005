"""OpenAI's completion request: its JSON and its prompts."""

from typing import Annotated, Any

from pydantic import Field

from inferloop_runtime.serving.api.errors import invalid
from inferloop_runtime.serving.api.generation import GenerationService
from inferloop_runtime.serving.api.openai_options import OpenAIOptions

# OpenAI's default for the legacy endpoint.
DEFAULT_MAX_TOKENS = 16

_TokenId = Annotated[int, Field(ge=0)]


class CompletionRequest(OpenAIOptions):
    """The body of `/v1/completions`; a prompt is text or token ids, and there may be several."""

    prompt: str | list[str] | list[_TokenId] | list[list[_TokenId]]
    max_tokens: int | None = Field(default=None, ge=1)
    logprobs: int | None = Field(default=None, ge=0, le=5)
    best_of: int | None = None
    echo: bool | None = None
    suffix: str | None = None

    def refuse_unsupported(self) -> None:
        """Raise RequestError that names what this engine does not do."""
        super().refuse_unsupported()
        asked: dict[str, Any] = {
            "best_of": self.best_of is not None and self.best_of != (self.n or 1),
            "echo": self.echo,
            "suffix": self.suffix,
        }
        for name, given in asked.items():
            if given:
                raise invalid(f"`{name}` is not supported by this engine: leave it out", param=name)


async def encode_prompts(service: GenerationService, body: CompletionRequest) -> list[tuple[int, ...]]:
    """Return the token ids of each prompt.

    Raises RequestError where there is none, or a token id is not of the model's vocabulary.
    """
    prompt = body.prompt
    if isinstance(prompt, str):
        return [await service.encode(prompt)]
    if not prompt:
        raise invalid("`prompt` is empty", param="prompt")
    prompts: list[tuple[int, ...]] = []
    for entry in [prompt] if isinstance(prompt[0], int) else prompt:
        if isinstance(entry, str):
            prompts.append(await service.encode(entry))
        elif isinstance(entry, list):
            ids = tuple(token_id for token_id in entry if isinstance(token_id, int))
            if any(token_id >= service.engine.info.vocabulary_size for token_id in ids):
                raise invalid("`prompt` has a token id outside the model's vocabulary", param="prompt")
            prompts.append(ids)
    return prompts
