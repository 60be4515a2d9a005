"""Cutting streams into events and reading counts out of them."""

import json

from hypothesis import given
from hypothesis import strategies as st
from inferloop_runtime.gateway.stream_events import EventSplitter, is_error, is_final, reports_usage, token_counts

EVENTS = [b'data: {"a":1}\n\n', b"data: two\r\n\r\n", b": comment\n\n", b"data: [DONE]\n\n"]


@given(st.lists(st.integers(1, 60), max_size=20))
def test_events_come_out_whole_however_the_chunks_are_cut(cuts: list[int]) -> None:
    stream = b"".join(EVENTS) + b"rest"
    splitter = EventSplitter()
    out, at = [], 0
    for cut in [*cuts, len(stream)]:
        out += list(splitter.feed(stream[at : at + cut]))
        at += cut
    assert out == EVENTS
    assert splitter.rest() == b"rest"


def test_text_that_looks_like_usage_is_not_counted() -> None:
    body = json.dumps(
        {"choices": [{"text": '"usage": {"prompt_tokens": 999, "completion_tokens": 999}'}], "usage": None}
    ).encode()
    assert token_counts(body) == (0, 0)
    assert not reports_usage(body)


def test_counts_of_both_apis_are_read() -> None:
    assert token_counts(b'{"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}') == (3, 4)
    assert token_counts(b'data:{"details":{"generated_tokens":4,"input_length": 3}}') == (3, 4)


def test_the_last_event_of_each_api_is_known() -> None:
    assert is_final(b"data: [DONE]\n\n")
    assert is_final(b'data:{"token":{},"generated_text":"x"}\n\n')
    assert not is_final(b'data:{"token":{"text":"\\"generated_text\\":\\"x"},"generated_text":null}\n\n')


def test_error_events_are_known() -> None:
    assert is_error(b'data: {"error":{"message":"x"}}\n\n')
    assert is_error(b'data:{"error":"x","error_type":"generation"}\n\n')
    assert not is_error(b'data: {"choices":[{"delta":{"content":"{\\"error\\""}}]}\n\n')
