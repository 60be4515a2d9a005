"""Cut a stream of server-sent events into whole events, and read token counts out of answers."""

import re
from collections.abc import Iterator

# A stream whose event is longer than this is passed on unparsed.
_MAX_EVENT_BYTES = 4 * 1024 * 1024

_EVENT_END = re.compile(rb"\r?\n\r?\n")

# Inside a JSON string a quote is escaped, so these can match member names alone, never generated text.
_PROMPT_TOKENS = re.compile(rb'"(?:prompt_tokens|input_length)"\s*:\s*(\d{1,9})')
_COMPLETION_TOKENS = re.compile(rb'"(?:completion_tokens|generated_tokens)"\s*:\s*(\d{1,9})')
_OPENAI_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_TGI_FINAL = re.compile(rb'"generated_text"\s*:\s*"')
_ERROR = re.compile(rb'^data:\s*\{\s*"error"')


def token_counts(body: bytes) -> tuple[int, int]:
    """Return the prompt and completion tokens that an answer, or its last event, reports; 0 for what it does not."""
    prompt, completion = _PROMPT_TOKENS.search(body), _COMPLETION_TOKENS.search(body)
    return int(prompt[1]) if prompt else 0, int(completion[1]) if completion else 0


def reports_usage(event: bytes) -> bool:
    """Tell whether an event of an OpenAI stream holds the request's usage."""
    return _OPENAI_USAGE.search(event) is not None


def is_final(event: bytes) -> bool:
    """Tell whether an event is the last of its stream: OpenAI's `[DONE]` or TGI's with the whole text."""
    return event.startswith((b"data: [DONE]", b"data:[DONE]")) or _TGI_FINAL.search(event) is not None


def is_error(event: bytes) -> bool:
    """Tell whether an event says that the stream broke."""
    return event.startswith(b"event: error") or _ERROR.match(event) is not None


class EventSplitter:
    """Turn chunks of bytes, cut anywhere, into whole events with their closing blank line."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the events that `chunk` completes."""
        data = self._pending + chunk if self._pending else chunk
        start = 0
        while True:
            end = _EVENT_END.search(data, start)
            if end is None:
                break
            yield data[start : end.end()]
            start = end.end()
        self._pending = data[start:]
        if len(self._pending) > _MAX_EVENT_BYTES:
            yield self.rest()

    def rest(self) -> bytes:
        """Return what came after the last whole event."""
        rest, self._pending = self._pending, b""
        return rest
