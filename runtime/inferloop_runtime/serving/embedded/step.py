"""One step of a batch: which tokens go through the model, and where each belongs."""

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, slots=True)
class PrefillSegment:
    """Consecutive prompt tokens of one request: row of the cache, position of the first, and the tokens.

    `wants` says which logits are needed: "none" (more of the prompt follows), "last", or "all" (prompt logprobs).
    """

    row: int
    start: int
    tokens: list[int]
    wants: str


@dataclass(frozen=True, slots=True)
class Step:
    """Everything that all shards must do alike in one step, in this order.

    `moves` are (source row, target row, length); then row i of the cache gets `decode_tokens[i]` at
    `decode_positions[i]`, and each segment its tokens, all in one pass through the model.
    """

    moves: list[tuple[int, int, int]]
    decode_tokens: list[int]
    decode_positions: list[int]
    segments: list[PrefillSegment]

    def to_message(self) -> list[Any]:
        """Return the step as JSON-ready lists."""
        return [
            self.moves,
            self.decode_tokens,
            self.decode_positions,
            [[item.row, item.start, item.tokens, item.wants] for item in self.segments],
        ]

    @classmethod
    def from_message(cls, message: list[Any]) -> "Step":
        """Build a step from what `to_message` gave."""
        moves, tokens, positions, segments = message
        return cls([(a, b, c) for a, b, c in moves], tokens, positions, [PrefillSegment(*item) for item in segments])


@dataclass(slots=True)
class StepLayout:
    """Tensors that describe a step to the attention: made once a step, used by every layer."""

    token_ids: torch.Tensor
    positions: torch.Tensor
    places: torch.Tensor
    wanted: torch.Tensor
    decoding: int
    decode_length: int
    decode_mask: torch.Tensor | None
    segments: list[tuple[int, int, int, int]]

    @classmethod
    def of(cls, step: Step, cache_length: int, dtype: torch.dtype, device: torch.device) -> "StepLayout":
        """Lay a step out; `wanted` are the indexes of the tokens whose logits are needed."""
        tokens = list(step.decode_tokens)
        positions = list(step.decode_positions)
        places = [row * cache_length + position for row, position in enumerate(positions)]
        wanted = list(range(len(tokens)))
        segments = []
        for segment in step.segments:
            offset, size = len(tokens), len(segment.tokens)
            tokens += segment.tokens
            positions += range(segment.start, segment.start + size)
            first_place = segment.row * cache_length + segment.start
            places += range(first_place, first_place + size)
            if segment.wants != "none":
                wanted += range(offset if segment.wants == "all" else offset + size - 1, offset + size)
            segments.append((offset, size, segment.row, segment.start))
        decoding = len(step.decode_tokens)
        decode_length = max(step.decode_positions, default=-1) + 1
        return cls(
            token_ids=torch.tensor([tokens], device=device),
            positions=torch.tensor([positions], device=device),
            places=torch.tensor(places, device=device),
            wanted=torch.tensor(wanted, dtype=torch.long, device=device),
            decoding=decoding,
            decode_length=decode_length,
            decode_mask=_decode_mask(step.decode_positions, decode_length, dtype, device),
            segments=segments,
        )


def _decode_mask(positions: list[int], length: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor | None:
    """Hide from each row what lies beyond its own position; None where all rows are equally long."""
    if all(position + 1 == length for position in positions):
        return None
    ends = torch.tensor(positions, device=device).view(-1, 1, 1, 1)
    hidden = torch.arange(length, device=device) > ends
    return torch.zeros(hidden.shape, dtype=dtype, device=device).masked_fill_(hidden, float("-inf"))
