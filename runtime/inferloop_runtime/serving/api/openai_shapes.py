"""The JSON of OpenAI's answers: choices of chats and of completions, whole and in pieces.

Shapes: https://platform.openai.com/docs/api-reference/chat/object, .../chat/streaming and .../completions/object.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from inferloop_runtime.serving.api.stop_text import TextPiece
from inferloop_runtime.serving.engine import FinishReason, GeneratedToken, GenerationEnd

Choice = dict[str, Any]


def finish_reason(end: GenerationEnd) -> str:
    """Return OpenAI's word for why a generation ended."""
    return "length" if end.finish_reason is FinishReason.LENGTH else "stop"


def usage(ends: Sequence[GenerationEnd], choices_per_prompt: int) -> dict[str, int]:
    """Return the usage figures of one request; a prompt counts once, however many choices continue it."""
    prompt = sum(end.prompt_tokens for end in ends[::choices_per_prompt])
    completion = sum(end.completion_tokens for end in ends)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


class AnswerShape(Protocol):
    """How one kind of answer writes its choices."""

    id_prefix: str
    whole_object: str
    chunk_object: str

    def whole(self, index: int, piece: TextPiece, end: GenerationEnd) -> Choice:
        """Return one complete choice."""
        ...

    def opening(self, index: int) -> Choice | None:
        """Return what a stream says about a choice before its first text, if anything."""
        ...

    def part(self, index: int, piece: TextPiece, end: GenerationEnd | None) -> Choice:
        """Return one piece of a stream; the last one has the generation's end."""
        ...


class ChatShape:
    """Write the choices of a chat, with log-probabilities where they were asked for."""

    id_prefix = "chatcmpl-"
    whole_object = "chat.completion"
    chunk_object = "chat.completion.chunk"

    def __init__(self, *, logprobs: bool, top_logprobs: int) -> None:
        self._logprobs = logprobs
        self._top = top_logprobs

    def whole(self, index: int, piece: TextPiece, end: GenerationEnd) -> Choice:
        """Return one complete choice."""
        return {
            "index": index,
            "message": {"role": "assistant", "content": piece.text, "refusal": None},
            "logprobs": self._content(piece.tokens),
            "finish_reason": finish_reason(end),
        }

    def opening(self, index: int) -> Choice | None:
        """Return the choice's first piece, which names the role."""
        delta = {"role": "assistant", "content": ""}
        return {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}

    def part(self, index: int, piece: TextPiece, end: GenerationEnd | None) -> Choice:
        """Return one piece of a stream."""
        return {
            "index": index,
            "delta": {"content": piece.text} if piece.text or end is None else {},
            "logprobs": self._content(piece.tokens) if piece.tokens or end is None else None,
            "finish_reason": None if end is None else finish_reason(end),
        }

    def _content(self, tokens: Sequence[GeneratedToken]) -> dict[str, Any] | None:
        if not self._logprobs:
            return None
        return {"content": [self._token(token) for token in tokens], "refusal": None}

    def _token(self, token: GeneratedToken) -> dict[str, Any]:
        return {
            **_chat_logprob(token.text, token.logprob),
            "top_logprobs": [_chat_logprob(other.text, other.logprob) for other in token.alternatives[: self._top]],
        }


class CompletionShape:
    """Write the choices of a completion, with log-probabilities where they were asked for."""

    id_prefix = "cmpl-"
    whole_object = "text_completion"
    chunk_object = "text_completion"

    def __init__(self, *, logprobs: int | None) -> None:
        self._top = logprobs
        self._offsets: dict[int, int] = {}

    def whole(self, index: int, piece: TextPiece, end: GenerationEnd) -> Choice:
        """Return one complete choice."""
        return self.part(index, piece, end)

    def opening(self, index: int) -> Choice | None:
        """Return nothing: completions begin with their text."""
        return None

    def part(self, index: int, piece: TextPiece, end: GenerationEnd | None) -> Choice:
        """Return one piece of a stream."""
        return {
            "index": index,
            "text": piece.text,
            "logprobs": self._logprobs(index, piece.tokens),
            "finish_reason": None if end is None else finish_reason(end),
        }

    def _logprobs(self, index: int, tokens: Sequence[GeneratedToken]) -> dict[str, Any] | None:
        if self._top is None:
            return None
        offsets = []
        offset = self._offsets.get(index, 0)
        for token in tokens:
            offsets.append(offset)
            offset += len(token.text)
        self._offsets[index] = offset
        return {
            "tokens": [token.text for token in tokens],
            "token_logprobs": [token.logprob for token in tokens],
            "top_logprobs": [
                {other.text: other.logprob for other in token.alternatives[: self._top]} for token in tokens
            ]
            if self._top
            else None,
            "text_offset": offsets,
        }


def _chat_logprob(text: str, logprob: float) -> dict[str, Any]:
    return {"token": text, "logprob": logprob, "bytes": list(text.encode())}
