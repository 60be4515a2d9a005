from hypothesis import given
from hypothesis import strategies as st
from inferloop_runtime.serving.api.stop_text import StopTextFilter
from inferloop_runtime.serving.engine import GeneratedToken

PIECES = st.lists(st.text("ab ", max_size=3), max_size=12)
STOPS = st.lists(st.text("ab ", min_size=1, max_size=4), max_size=3)


def token(text: str, number: int = 0) -> GeneratedToken:
    return GeneratedToken(number, text, -1.0, False)


def test_text_that_may_become_a_stop_sequence_is_held_back() -> None:
    text = StopTextFilter(("\nUser:",))
    assert text.feed(token("Yes")).text == "Yes"  # type: ignore[union-attr]
    assert text.feed(token("\nUs")) is None
    assert text.feed(token("ual")).text == "\nUsual"  # type: ignore[union-attr]


@given(PIECES, STOPS)
def test_what_is_passed_on_is_the_text_before_the_first_stop_sequence(pieces: list[str], stops: list[str]) -> None:
    text = StopTextFilter(tuple(stops))
    passed = []
    so_far = ""
    for number, piece in enumerate(pieces):
        result = text.feed(token(piece, number))
        so_far += piece
        passed += [result] if result else []
        if any(stop in so_far for stop in stops):
            break
    cut = min((so_far.find(stop) for stop in stops if stop in so_far), default=len(so_far))
    streamed = "".join(result.text for result in passed)
    assert so_far[:cut].startswith(streamed)
    passed.append(text.finish(so_far[:cut]))
    assert "".join(result.text for result in passed) == so_far[:cut]
    numbers = [entry.token_id for result in passed for entry in result.tokens]
    assert numbers == list(range(len(numbers)))


@given(PIECES)
def test_every_token_is_passed_on_where_nothing_stops(pieces: list[str]) -> None:
    text = StopTextFilter(())
    results = [text.feed(token(piece, number)) for number, piece in enumerate(pieces)]
    results.append(text.finish("".join(pieces)))
    assert [entry.token_id for result in results if result for entry in result.tokens] == list(range(len(pieces)))
