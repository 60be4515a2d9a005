import pytest
from hypothesis import given
from hypothesis import strategies as st
from inferloop_runtime.serving.embedded.text_stream import TextStream
from inferloop_runtime.serving.tokenizer import load_tokenizer

from tests.support.tiny_model import tiny_model


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer(tiny_model())


def ids(tokenizer, text):
    return tokenizer.encode(text)[1:]


def test_a_character_of_several_tokens_appears_whole_with_its_last_token(tokenizer):
    stream = TextStream(tokenizer)
    assert [stream.push(token) for token in ids(tokenizer, "a😀b")] == ["a", "", "", "", "😀", "b"]


def test_bytes_that_are_no_text_become_replacement_characters_once_they_are_certain(tokenizer):
    stream = TextStream(tokenizer)
    half = ids(tokenizer, "é")[0]
    pieces = [stream.push(half), stream.push(half), *(stream.push(token) for token in ids(tokenizer, "ab"))]
    assert "".join(pieces) == "\ufffd\ufffdab"
    assert pieces[:2] == ["", ""]


def test_the_last_token_releases_an_incomplete_character(tokenizer):
    stream = TextStream(tokenizer)
    assert stream.push(ids(tokenizer, "é")[0], last=True) == "\ufffd"


def test_finishing_releases_what_was_held_back_once(tokenizer):
    stream = TextStream(tokenizer)
    stream.push(ids(tokenizer, "é")[0])
    assert [stream.finish(), stream.finish()] == ["\ufffd", ""]
    assert stream.text == "\ufffd"


def test_the_first_stop_sequence_is_found_across_tokens(tokenizer):
    stream = TextStream(tokenizer, ("END", "ND."))
    found = [stream.find_stop(stream.push(token)) for token in ids(tokenizer, "the END.")]
    assert found[:6] == [None] * 6
    assert found[6] == (4, "END")


def test_a_stop_sequence_that_came_earlier_is_not_looked_for_again(tokenizer):
    stream = TextStream(tokenizer, ("ab",))
    for token in ids(tokenizer, "abc"):
        piece = stream.push(token)
    assert stream.find_stop(piece) is None


@given(st.text(max_size=40))
def test_pieces_make_up_the_decoded_text_whatever_it_is(text):
    tokenizer = load_tokenizer(tiny_model())
    stream = TextStream(tokenizer)
    tokens = ids(tokenizer, text)
    pieces = [stream.push(token, last=index == len(tokens) - 1) for index, token in enumerate(tokens)]
    assert "".join(pieces) == text == stream.text


@given(st.lists(st.integers(0, 255), max_size=30))
def test_pieces_make_up_the_decoded_text_of_any_bytes(tokens):
    tokenizer = load_tokenizer(tiny_model())
    stream = TextStream(tokenizer)
    for token in tokens:
        stream.push(token)
    stream.finish()
    assert stream.text == tokenizer.decode(tokens)
