"""Keep stop sequences out of a stream of text."""

from dataclasses import dataclass

from inferloop_runtime.serving.engine import GeneratedToken


@dataclass(frozen=True, slots=True)
class TextPiece:
    """Text that is certain, and the tokens that begin in it."""

    text: str
    tokens: tuple[GeneratedToken, ...]


class StopTextFilter:
    """Pass text on as soon as no stop sequence can begin in it; special tokens are left out.

    OpenAI's API shows nothing of a stop sequence, so text that may become one is held back until the next token
    decides. Feed every token to `feed`, then the whole text (already cut before the stop sequence) to `finish`.
    """

    def __init__(self, stop_sequences: tuple[str, ...]) -> None:
        self._stops = stop_sequences
        self._text = ""
        self._passed = 0
        self._waiting: list[tuple[int, GeneratedToken]] = []

    def feed(self, token: GeneratedToken) -> TextPiece | None:
        """Take one token; return what became certain, if anything."""
        if token.special:
            return None
        self._waiting.append((len(self._text), token))
        self._text += token.text
        piece = self._pass_on(self._certain_length())
        return piece if piece.text or piece.tokens else None

    def finish(self, generated_text: str) -> TextPiece:
        """Return what is left; tokens that begin at or after the end of `generated_text` are dropped."""
        if generated_text.startswith(self._text[: self._passed]):
            self._text = generated_text
        end = len(generated_text)
        piece = self._pass_on(end)
        # Closing tokens without text (half a character, say) still belong to the output.
        tail = tuple(token for start, token in self._waiting if start == end and not token.text)
        return TextPiece(piece.text, piece.tokens + tail)

    def _pass_on(self, length: int) -> TextPiece:
        text = self._text[self._passed : length]
        self._passed = max(self._passed, length)
        tokens = tuple(token for start, token in self._waiting if start < self._passed)
        self._waiting = [(start, token) for start, token in self._waiting if start >= self._passed]
        return TextPiece(text, tokens)

    def _certain_length(self) -> int:
        length = len(self._text)
        for stop in self._stops:
            found = self._text.find(stop, self._passed)
            if found >= 0:
                length = min(length, found)
                continue
            # The longest end of the text that begins this stop sequence may still become it.
            for size in range(min(len(stop) - 1, len(self._text) - self._passed), 0, -1):
                if self._text.endswith(stop[:size]):
                    length = min(length, len(self._text) - size)
                    break
        return length
