"""Turn generated tokens into text as they come, whole characters only, and watch for stop sequences."""

from inferloop_runtime.serving.tokenizer import ModelTokenizer

_REPLACEMENT = "\ufffd"
# A character has at most 4 bytes in UTF-8, so 3 may be there without the last.
_LONGEST_PART = 3


class TextStream:
    """The decoded output of one generation.

    `text` is all that is certain so far. Text is decoded with some tokens of context before it, because a token's text
    can depend on its neighbours.
    """

    def __init__(self, tokenizer: ModelTokenizer, stop_sequences: tuple[str, ...] = ()) -> None:
        self._tokenizer = tokenizer
        self._stops = tuple(stop for stop in stop_sequences if stop)
        self._longest_stop = max((len(stop) for stop in self._stops), default=0)
        self._ids: list[int] = []
        self._context_start = 0
        self._window_start = 0
        self._context = ""
        self._passed = 0
        self.text = ""

    def push(self, token_id: int, *, last: bool = False) -> str:
        """Take one ordinary token; return the text that became certain, all of it where the token is the `last`."""
        self._ids.append(token_id)
        decoded = self._tokenizer.decode(self._ids[self._context_start :])
        fresh = decoded[len(self._context) + self._passed :]
        incomplete = 0 if last else _incomplete_tail(fresh)
        piece = fresh[: len(fresh) - incomplete]
        if incomplete:
            self._passed += len(piece)
        else:
            self._context_start, self._window_start = self._window_start, len(self._ids)
            self._context = self._tokenizer.decode(self._ids[self._context_start :])
            self._passed = 0
        self.text += piece
        return piece

    def finish(self) -> str:
        """Return what was held back as an incomplete character and is now certain to stay one."""
        piece = self._tokenizer.decode(self._ids[self._context_start :])[len(self._context) + self._passed :]
        self._passed += len(piece)
        self.text += piece
        return piece

    def find_stop(self, piece: str) -> tuple[int, str] | None:
        """Return where the first stop sequence begins and which it is, where the latest `piece` completed one."""
        if not piece:
            return None
        start = max(0, len(self.text) - len(piece) - self._longest_stop + 1)
        found = [(position, stop) for stop in self._stops if (position := self.text.find(stop, start)) >= 0]
        return min(found, key=lambda item: item[0], default=None)


def _incomplete_tail(text: str) -> int:
    length = 0
    while length < min(_LONGEST_PART, len(text)) and text[-1 - length] == _REPLACEMENT:
        length += 1
    return length
