import csv
import io

from hypothesis import given, settings
from hypothesis import strategies as st
from inferloop_runtime.capture import records
from inferloop_runtime.capture.records import record_blocks

FIELDS = st.text(alphabet='ab",\n é', max_size=6)


def cut(data: bytes, *, quoted: bool = True) -> list[str]:
    blocks = list(record_blocks(io.BytesIO(data), offset=0, line=1, quoted=quoted))
    return [block.text_of(index) for block in blocks for index in range(len(block.starts))]


@given(rows=st.lists(st.lists(FIELDS, min_size=2, max_size=4), max_size=12), line_end=st.sampled_from(["\n", "\r\n"]))
@settings(deadline=None, max_examples=300)
def test_what_a_csv_writer_wrote_is_cut_into_the_same_records(rows: list[list[str]], line_end: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=line_end).writerows(rows)
    assert [next(csv.reader(io.StringIO(record, newline=""))) for record in cut(text.getvalue().encode())] == rows


@given(data=st.text(alphabet='ab",\n\r', max_size=60))
@settings(deadline=None, max_examples=500)
def test_the_fast_cut_and_the_exact_one_agree_and_nothing_is_lost(data: str) -> None:
    raw = data.encode()
    fast = list(record_blocks(io.BytesIO(raw), offset=0, line=1, quoted=True))
    assert b"".join(block.data for block in fast) == raw
    offset = 0
    for block in fast:
        assert block.offset == offset
        offset += len(block.data)
    if '"' in data and not any(block.problem for block in fast):
        ends, open_end = records._ends_field_by_field(raw)
        assert not open_end
        exact = [int(end) for end in ends]
        if not exact or exact[-1] < len(raw):
            exact.append(len(raw))
        starts = [0, *exact[:-1]]
        texts = [raw[start:end].decode().rstrip("\r\n") for start, end in zip(starts, exact, strict=True)]
        assert [text for text in texts if text] == cut(raw)


@given(
    lines=st.lists(st.text(alphabet="abc", min_size=1, max_size=9), min_size=1, max_size=30),
    first=st.integers(min_value=1, max_value=30),
)
@settings(deadline=None)
def test_reading_on_from_a_position_gives_the_records_that_follow(lines: list[str], first: int) -> None:
    data = "\n".join(lines).encode() + b"\n"
    (block,) = record_blocks(io.BytesIO(data), offset=0, line=1, quoted=True)
    first = min(first, len(lines))
    offset, line = block.position_after(first)
    assert line == first + 1
    rest = list(record_blocks(io.BytesIO(data), offset=offset, line=line, quoted=True))
    assert [b.text_of(i) for b in rest for i in range(len(b.starts))] == lines[first:]
    assert [b.line_of(i) for b in rest for i in range(len(b.starts))] == list(range(first + 1, len(lines) + 1))


def test_records_that_span_blocks_are_whole() -> None:
    rows = [[f"a{index}", 'x"\n,' * (index % 50)] for index in range(30_000)]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    data = text.getvalue().encode()
    assert len(data) > 2 * records.BLOCK_BYTES
    assert [next(csv.reader(io.StringIO(record, newline=""))) for record in cut(data)] == rows


def test_a_quote_in_the_middle_of_a_field_is_a_letter() -> None:
    assert cut(b'a,5" disk\nb,6" disk\nc,"7"" x\ny"\n') == ['a,5" disk', 'b,6" disk', 'c,"7"" x\ny"']


def test_quotes_mean_nothing_where_lines_are_json() -> None:
    assert cut(b'{"a": "x\n"y"}\n', quoted=False) == ['{"a": "x', '"y"}']


def test_a_quote_that_stays_open_to_the_end_costs_one_line() -> None:
    blocks = list(record_blocks(io.BytesIO(b'a,b\n"c,d\ne,f\n'), offset=0, line=1, quoted=True))
    found = [(b.text_of(i), b.line_of(i), b.problem) for b in blocks for i in range(len(b.starts))]
    assert found == [("a,b", 1, None), ('"c,d', 2, "opens a quote that is not closed"), ("e,f", 3, None)]
