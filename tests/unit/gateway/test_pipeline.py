"""The pipeline's order and its short cuts."""

from typing import Any

import pytest
from inferloop_runtime.gateway.endpoints import ENDPOINTS
from inferloop_runtime.gateway.exchange import Exchange, Response
from inferloop_runtime.gateway.pipeline import Pipeline
from inferloop_runtime.gateway.refusal import Refusal


class Step:
    """Note that it ran; then do what it was made for."""

    def __init__(self, name: str, ran: list[str], *, answer: Response | None = None, refusal: Refusal | None = None):
        self.name = name
        self._ran = ran
        self._answer = answer
        self._refusal = refusal

    async def process(self, exchange: Exchange) -> None:
        self._ran.append(self.name)
        if self._refusal is not None:
            raise self._refusal
        if self._answer is not None:
            exchange.response = self._answer


def exchange() -> Exchange:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    return Exchange("r1", "POST", ENDPOINTS["/generate"], {}, receive)


async def test_an_answer_ends_the_way_in_and_outbound_stages_still_run() -> None:
    ran: list[str] = []
    inbound = [Step("first", ran), Step("cache", ran, answer=Response(200, [], b"hit")), Step("forward", ran)]
    passing = exchange()
    await Pipeline(inbound, [Step("meter", ran)]).run(passing)
    assert ran == ["first", "cache", "meter"]
    assert passing.answer.body == b"hit"


async def test_a_refusal_becomes_an_answer_with_the_requests_id() -> None:
    ran: list[str] = []
    passing = exchange()
    refusal = Refusal(503, "model_unavailable", "away", retry_after_s=2)
    await Pipeline([Step("route", ran, refusal=refusal)], [Step("meter", ran)]).run(passing)
    assert ran == ["route", "meter"]
    assert passing.answer.status == 503
    assert (b"retry-after", b"2") in passing.answer.headers
    assert b'"request_id":"r1"' in bytes(passing.answer.body)  # type: ignore[arg-type]


async def test_a_request_that_no_stage_answers_is_refused() -> None:
    passing = exchange()
    await Pipeline([], []).run(passing)
    assert passing.answer.status == 404


def test_a_stage_that_stands_too_early_says_so() -> None:
    with pytest.raises(RuntimeError, match="too early"):
        _ = exchange().answer
    with pytest.raises(RuntimeError, match="too early"):
        _ = exchange().server
