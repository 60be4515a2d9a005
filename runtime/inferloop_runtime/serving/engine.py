"""The seam between the model server's HTTP layer and whatever generates tokens."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class FinishReason(StrEnum):
    """Say why a generation ended, in TGI's words."""

    LENGTH = "length"
    EOS_TOKEN = "eos_token"  # noqa: S105 - TGI's name for it
    STOP_SEQUENCE = "stop_sequence"


@dataclass(frozen=True, slots=True)
class SamplingParameters:
    """How the next token is chosen. `do_sample` False is greedy; `seed` None means that the engine draws one."""

    do_sample: bool = False
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    typical_p: float | None = None
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One prompt, already tokenised, and how to continue it; `top_n_tokens` alternatives are reported a token."""

    request_id: str
    prompt_token_ids: tuple[int, ...]
    max_new_tokens: int
    sampling: SamplingParameters = field(default_factory=SamplingParameters)
    stop_sequences: tuple[str, ...] = ()
    ignore_eos: bool = False
    top_n_tokens: int = 0
    prompt_logprobs: bool = False


@dataclass(frozen=True, slots=True)
class TokenAlternative:
    """One token that could have been chosen, with its natural-log probability."""

    token_id: int
    text: str
    logprob: float


@dataclass(frozen=True, slots=True)
class GeneratedToken:
    """One generated token.

    `text` is what it adds to the decoded output ("" while a multi-byte character is incomplete), stop sequences
    included, as TGI streams it; a special token's is its name. `logprob` is natural, of the model's own distribution
    (before penalties, temperature and truncation).
    """

    token_id: int
    text: str
    logprob: float
    special: bool
    alternatives: tuple[TokenAlternative, ...] = ()


@dataclass(frozen=True, slots=True)
class GenerationEnd:
    """Close one generation: why, the whole text (cut before a stop sequence), counts and the seed that was used.

    `stop_sequence` is the one that ended it: TGI's `generated_text` is `generated_text + stop_sequence`, OpenAI's is
    without it.
    `prompt_logprobs` has one entry a prompt token (None for the first) where the request asked for it.
    """

    finish_reason: FinishReason
    generated_text: str
    prompt_tokens: int
    completion_tokens: int
    seed: int | None
    prompt_logprobs: tuple[float | None, ...] = ()
    stop_sequence: str | None = None


GenerationEvent = GeneratedToken | GenerationEnd


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What the engine serves. `sequence_limit` is the longest prompt plus output, in tokens, the model can hold."""

    model_id: str
    revision: str
    dtype: str
    device: str
    shards: int
    sequence_limit: int
    vocabulary_size: int


class Tokenizer(Protocol):
    """Turn text into token ids and back; chat messages into one prompt."""

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`, special tokens added as the model wants them."""
        ...

    def offsets(self, text: str) -> list[tuple[int, str, int, int]]:
        """Return (id, text, start, stop) for each token of `text`, positions in characters."""
        ...

    def decode(self, token_ids: list[int]) -> str:
        """Return the text of `token_ids`, special tokens left out."""
        ...

    def render_chat(self, messages: list[dict[str, str]]) -> str:
        """Return the prompt of a conversation, by the model's template or the documented default."""
        ...


class Engine(Protocol):
    """Generate tokens for many requests at once.

    `generate` yields one GeneratedToken a step and one GenerationEnd last. Closing the iterator early cancels the
    request and frees its place in the batch. It raises EngineError when a shard is lost or the engine is stopping.
    """

    @property
    def tokenizer(self) -> Tokenizer:
        """Return the served model's tokenizer."""
        ...

    @property
    def info(self) -> EngineInfo:
        """Describe the served model."""
        ...

    @property
    def healthy(self) -> bool:
        """Tell whether all shards are loaded and answering."""
        ...

    @property
    def queue_size(self) -> int:
        """Count the requests that wait for a place in the batch."""
        ...

    @property
    def batch_size(self) -> int:
        """Count the requests that are being generated now."""
        ...

    async def start(self) -> None:
        """Start the shard processes; return once they load. `healthy` tells when they answer."""
        ...

    async def stop(self) -> None:
        """Stop the shard processes; waiting requests fail with EngineError."""
        ...

    def generate(self, request: GenerationRequest) -> AsyncIterator[GenerationEvent]:
        """Start one generation."""
        ...
