"""Continuous batching: requests join and leave the batch at every step."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from inferloop_runtime.serving.embedded.sampling import Choice, TokenSampler, choose_plainly, prompt_logprobs
from inferloop_runtime.serving.embedded.step import PrefillSegment, Step
from inferloop_runtime.serving.engine import FinishReason, SamplingParameters

# Prompt tokens in one step: more delays the running requests' next tokens, fewer waste the processor.
_PREFILL_TOKENS = 256


class RunsSteps(Protocol):
    """What the scheduler needs of the shards: run one step and return the wanted logits."""

    def __call__(self, step: Step) -> torch.Tensor | None:
        """Run `step` on all shards."""
        ...


@dataclass(slots=True)
class _Sequence:
    request_id: str
    prompt: list[int]
    limit: int
    sampler: TokenSampler
    eos_ids: frozenset[int]
    wants_prompt_logprobs: bool
    row: int = -1
    filled: int = 0
    generated: int = 0
    next_token: int = -1
    prompt_logprobs: list[float | None] = field(default_factory=lambda: [None])


class BatchScheduler:
    """Decide what each step computes, and turn its logits into events for the front process.

    Rows 0 to n - 1 of the cache belong to running sequences: first those that generate, then the one whose prompt is
    still being read (prompts are read in order, so at most one is left unfinished by a step). A row that becomes free
    is filled with the last one, so batches stay dense.
    An event is [request id, token id, log-probability, finish reason or None, alternatives, prompt log-probabilities
    or None].
    """

    def __init__(self, run_step: RunsSteps, *, rows: int, eos_token_ids: list[int]) -> None:
        self._run_step = run_step
        self._rows = rows
        self._eos_ids = frozenset(eos_token_ids)
        self._waiting: deque[_Sequence] = deque()
        self._decoding: list[_Sequence] = []
        self._prefilling: list[_Sequence] = []
        self._moves: list[tuple[int, int, int]] = []

    @property
    def idle(self) -> bool:
        """Tell whether there is nothing to compute."""
        return not (self._waiting or self._decoding or self._prefilling)

    @property
    def running(self) -> int:
        """Count the sequences that hold a row."""
        return len(self._decoding) + len(self._prefilling)

    @property
    def waiting(self) -> int:
        """Count the sequences that wait for a row."""
        return len(self._waiting)

    def add(self, message: dict[str, Any]) -> None:
        """Take a request as the front process sent it."""
        sampling = SamplingParameters(**message["sampling"])
        sampler = TokenSampler(sampling, message["seed"], message["prompt"], message["top_n_tokens"])
        self._waiting.append(
            _Sequence(
                request_id=message["id"],
                prompt=message["prompt"],
                limit=message["max_new_tokens"],
                sampler=sampler,
                eos_ids=frozenset() if message["ignore_eos"] else self._eos_ids,
                wants_prompt_logprobs=message["prompt_logprobs"],
            )
        )

    def cancel(self, request_id: str) -> None:
        """Forget a request; its row is free from the next step on."""
        self._waiting = deque(item for item in self._waiting if item.request_id != request_id)
        for sequence in [*self._decoding, *self._prefilling]:
            if sequence.request_id == request_id:
                self._release(sequence)

    def step(self) -> list[list[Any]]:
        """Compute one step and return its events."""
        segments = self._plan_prefill()
        decoding = list(self._decoding)
        step = Step(
            moves=self._moves,
            decode_tokens=[item.next_token for item in decoding],
            decode_positions=[len(item.prompt) + item.generated - 1 for item in decoding],
            segments=[segment for _, segment in segments],
        )
        self._moves = []
        logits = self._run_step(step)
        if logits is None:
            return []
        with torch.inference_mode():
            return self._take_logits(logits, decoding, segments)

    def _plan_prefill(self) -> list[tuple[_Sequence, PrefillSegment]]:
        budget = _PREFILL_TOKENS
        planned = []
        for sequence in self._prefilling:
            if budget > 0:
                planned.append(self._next_segment(sequence, budget))
                budget -= len(planned[-1][1].tokens)
        while budget > 0 and self._waiting and self.running < self._rows:
            sequence = self._waiting.popleft()
            sequence.row = self.running
            self._prefilling.append(sequence)
            planned.append(self._next_segment(sequence, budget))
            budget -= len(planned[-1][1].tokens)
        return planned

    def _next_segment(self, sequence: _Sequence, budget: int) -> tuple[_Sequence, PrefillSegment]:
        start = sequence.filled
        tokens = sequence.prompt[start : start + budget]
        sequence.filled += len(tokens)
        wants = (
            "all" if sequence.wants_prompt_logprobs else "none" if sequence.filled < len(sequence.prompt) else "last"
        )
        return sequence, PrefillSegment(sequence.row, start, tokens, wants)

    def _take_logits(
        self, logits: torch.Tensor, decoding: list[_Sequence], segments: list[tuple[_Sequence, PrefillSegment]]
    ) -> list[list[Any]]:
        ready = [(sequence, index) for index, sequence in enumerate(decoding)]
        offset = len(decoding)
        for sequence, segment in segments:
            if segment.wants == "none":
                continue
            size = len(segment.tokens) if segment.wants == "all" else 1
            if segment.wants == "all":
                following = sequence.prompt[segment.start + 1 : segment.start + size + 1]
                sequence.prompt_logprobs += prompt_logprobs(logits[offset : offset + len(following)], following)
            offset += size
            if sequence.filled == len(sequence.prompt):
                ready.append((sequence, offset - 1))
                self._start_decoding(sequence)
        return [self._event(sequence, choice) for sequence, choice in _choose(logits, ready)]

    def _start_decoding(self, sequence: _Sequence) -> None:
        self._prefilling.remove(sequence)
        self._decoding.append(sequence)

    def _event(self, sequence: _Sequence, choice: Choice) -> list[Any]:
        sequence.generated += 1
        sequence.next_token = choice.token_id
        finish: str | None = None
        if choice.token_id in sequence.eos_ids:
            finish = FinishReason.EOS_TOKEN
        elif sequence.generated >= sequence.limit:
            finish = FinishReason.LENGTH
        logprobs = sequence.prompt_logprobs if sequence.wants_prompt_logprobs and sequence.generated == 1 else None
        if finish is not None:
            self._release(sequence)
        return [sequence.request_id, choice.token_id, choice.logprob, finish, choice.alternatives, logprobs]

    def _release(self, sequence: _Sequence) -> None:
        """Free a row and close the gap: with the last generating row, then that one's with the row of the prompt."""
        gap = sequence.row
        if sequence in self._decoding:
            self._decoding.remove(sequence)
            gap = self._close_gap(gap, self._decoding)
        else:
            self._prefilling.remove(sequence)
        self._close_gap(gap, self._prefilling)
        self._decoding.sort(key=lambda item: item.row)

    def _close_gap(self, gap: int, sequences: list[_Sequence]) -> int:
        last = max(sequences, key=lambda item: item.row, default=None)
        if last is None or last.row < gap:
            return gap
        freed = last.row
        self._moves.append((freed, gap, last.filled + last.generated))
        last.row = gap
        return freed


def _choose(logits: torch.Tensor, ready: list[tuple[_Sequence, int]]) -> list[tuple[_Sequence, Choice]]:
    if ready and all(sequence.sampler.plain for sequence, _ in ready):
        rows = logits if len(ready) == logits.shape[0] else logits[[index for _, index in ready]]
        return list(zip([sequence for sequence, _ in ready], choose_plainly(rows), strict=True))
    return [(sequence, sequence.sampler.choose(logits[index])) for sequence, index in ready]
