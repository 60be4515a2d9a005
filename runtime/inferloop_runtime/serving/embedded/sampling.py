"""Choose the next token of one request from its logits."""

from dataclasses import dataclass

import torch

from inferloop_runtime.serving.engine import SamplingParameters

# Most of the probability lies in few tokens: only where these do not reach top_p is the whole vocabulary sorted.
_SHORT_LIST = 256


@dataclass(frozen=True, slots=True)
class Choice:
    """A chosen token with its log-probability, and the most likely tokens with theirs."""

    token_id: int
    logprob: float
    alternatives: list[tuple[int, float]]


class TokenSampler:
    """Sampling state of one request: its own random generator and the tokens that it has seen.

    Penalties come first, then temperature, top-k, top-p and typical-p, as in TGI. The repetition penalty (CTRL,
    arXiv:1909.05858) counts prompt and output; frequency and presence penalties count the output, as OpenAI defines
    them. Log-probabilities are of the model's own distribution.
    """

    def __init__(self, parameters: SamplingParameters, seed: int | None, prompt: list[int], top_n: int) -> None:
        self._parameters = parameters
        self._top_n = top_n
        self._generator = torch.Generator()
        if seed is not None:
            self._generator.manual_seed(seed)
        self._prompt = prompt
        self._seen: torch.Tensor | None = None
        self._counts: torch.Tensor | None = None
        self.plain = not (
            parameters.do_sample
            or top_n
            or parameters.repetition_penalty != 1.0
            or parameters.frequency_penalty
            or parameters.presence_penalty
        )

    def choose(self, logits: torch.Tensor) -> Choice:
        """Choose from `logits` (vocabulary,) in float32, and remember the token."""
        scores = self._penalised(logits)
        token = self._sample(scores) if self._parameters.do_sample else int(scores.argmax())
        total = logits.logsumexp(0)
        alternatives: list[tuple[int, float]] = []
        if self._top_n:
            values, ids = logits.topk(min(self._top_n, logits.shape[0]))
            alternatives = list(zip(ids.tolist(), (values - total).tolist(), strict=True))
        self._remember(token)
        return Choice(token, float(logits[token] - total), alternatives)

    def _penalised(self, logits: torch.Tensor) -> torch.Tensor:
        parameters = self._parameters
        scores = logits
        if parameters.repetition_penalty != 1.0:
            if self._seen is None:
                self._seen = torch.zeros(logits.shape[0], dtype=torch.bool)
                self._seen[self._prompt] = True
            penalty = parameters.repetition_penalty
            penalised = torch.where(scores < 0, scores * penalty, scores / penalty)
            scores = torch.where(self._seen, penalised, scores)
        if parameters.frequency_penalty or parameters.presence_penalty:
            if self._counts is None:
                self._counts = torch.zeros(logits.shape[0])
            scores = scores - parameters.frequency_penalty * self._counts
            scores = scores - parameters.presence_penalty * (self._counts > 0)
        return scores

    def _remember(self, token: int) -> None:
        if self._seen is not None:
            self._seen[token] = True
        if self._counts is not None:
            self._counts[token] += 1

    def _sample(self, scores: torch.Tensor) -> int:
        parameters = self._parameters
        if parameters.temperature != 1.0:
            scores = scores / parameters.temperature
        ids: torch.Tensor | None = None
        if parameters.top_k and parameters.top_k < scores.shape[0]:
            scores, ids = scores.topk(parameters.top_k)
        if parameters.top_p is not None and parameters.top_p < 1.0:
            scores, ids = _keep_top_p(scores, ids, parameters.top_p)
        probabilities = scores.softmax(0)
        if parameters.typical_p is not None and parameters.typical_p < 1.0:
            probabilities = _keep_typical(probabilities, parameters.typical_p)
        index = int(torch.multinomial(probabilities, 1, generator=self._generator))
        return index if ids is None else int(ids[index])


def choose_plainly(logits: torch.Tensor) -> list[Choice]:
    """Choose greedily for several requests at once, from logits (requests, vocabulary)."""
    best, ids = logits.max(dim=1)
    logprobs = best - logits.logsumexp(dim=1)
    return [Choice(token, logprob, []) for token, logprob in zip(ids.tolist(), logprobs.tolist(), strict=True)]


def prompt_logprobs(logits: torch.Tensor, following: list[int]) -> list[float]:
    """Return the log-probability of each token in `following`, given the logits (tokens, vocabulary) before it."""
    ids = torch.tensor(following).unsqueeze(1)
    chosen: list[float] = (logits.gather(1, ids).squeeze(1) - logits.logsumexp(dim=1)).tolist()
    return chosen


def _keep_top_p(scores: torch.Tensor, ids: torch.Tensor | None, top_p: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Keep the likeliest tokens whose probabilities together reach `top_p`, at least one."""
    total = scores.logsumexp(0)
    size = min(_SHORT_LIST, scores.shape[0])
    while True:
        kept, order = scores.topk(size)
        cumulative = (kept - total).exp().cumsum(0)
        if float(cumulative[-1]) >= top_p or size == scores.shape[0]:
            break
        size = scores.shape[0]
    count = int((cumulative < top_p).sum()) + 1
    order = order[:count]
    return kept[:count], order if ids is None else ids[order]


def _keep_typical(probabilities: torch.Tensor, mass: float) -> torch.Tensor:
    """Keep the tokens whose information is nearest the expected one (locally typical sampling, arXiv:2202.00666)."""
    information = -probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()
    entropy = (probabilities * information).sum()
    order = (information - entropy).abs().argsort()
    cumulative = probabilities[order].cumsum(0)
    dropped = order[int((cumulative < mass).sum()) + 1 :]
    kept = probabilities.clone()
    kept[dropped] = 0.0
    return kept
