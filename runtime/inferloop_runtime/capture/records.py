"""Cut a text file into its records without parsing them, in bounded memory.

A record ends at a line break (LF, CR LF or a lone CR) outside quotes; a quote opens only at the start of a field, as
RFC 4180 and Arrow's CSV reader have it. The cut depends on the starting byte alone, so a part that is read again
gives the same blocks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 1 << 20
# A longer record is malformed: a quote that is never closed must not swallow the file, or the memory.
RECORD_LIMIT_BYTES = 1 << 20

_QUOTE, _COMMA, _LF, _CR = b'",\n\r'
_REST_OF_QUOTED = re.compile(rb'(?:[^"]|"")*"')
_REST_OF_FIELD = re.compile(rb"[^,\r\n]*")
_LINE_BREAK = re.compile(rb"\r\n|\n|\r")

Offsets = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RecordBlock:
    """Consecutive records of one file; blank lines between them are no records.

    `starts` and `ends` are byte offsets into `data`, line break included; `offset` and `line` (from 1) tell where
    `data` begins in the file, `breaks` where its line breaks are. `problem` tells why the block's only record is
    malformed, where the cut itself shows it, and `skipped` how many of its bytes `data` leaves out.
    """

    data: bytes
    offset: int
    line: int
    starts: Offsets
    ends: Offsets
    breaks: Offsets
    problem: str | None = None
    skipped: int = 0

    def line_of(self, record: int) -> int:
        """Tell the line on which a record begins."""
        return self.line + int(np.searchsorted(self.breaks, self.starts[record]))

    def text_of(self, record: int) -> str:
        """Return a record's text without its line break; bytes that are not UTF-8 are escaped (`\\xff`)."""
        raw = self.data[self.starts[record] : self.ends[record]].rstrip(b"\r\n")
        return raw.decode("utf-8", "backslashreplace")

    def position_after(self, count: int) -> tuple[int, int]:
        """Tell byte offset and line that follow the first `count` records."""
        end = int(self.ends[count - 1])
        return self.offset + end + self.skipped, self.line + int(np.searchsorted(self.breaks, end))


def record_blocks(stream: BinaryIO, *, offset: int, line: int, quoted: bool) -> Iterator[RecordBlock]:
    """Read records from byte `offset` (the start of line `line`) to the end of the file, a block at a time."""
    stream.seek(offset)
    pending = b""
    while True:
        fresh = stream.read(BLOCK_BYTES)
        final = len(fresh) < BLOCK_BYTES
        data = pending + fresh
        while True:
            ends, breaks = _record_ends(data, quoted=quoted, final=final)
            consumed = int(ends[-1]) if len(ends) else 0
            if consumed:
                yield _block(data[:consumed], offset, line, ends, breaks)
                offset, line = offset + consumed, line + int(np.searchsorted(breaks, consumed))
                data = data[consumed:]
            if not data or (not final and len(data) <= RECORD_LIMIT_BYTES):
                break
            first_break = _LINE_BREAK.search(data)
            if first_break is None and not final:
                kept, skipped = _skip_line(stream, data)
                yield _malformed(kept, offset, line, "is longer than 1 MiB", skipped)
                offset, line, data = offset + len(kept) + skipped, line + 1, b""
                break
            end = first_break.end() if first_break else len(data)
            yield _malformed(data[:end], offset, line, "opens a quote that is not closed")
            offset, line, data = offset + end, line + 1, data[end:]
        pending = data
        if final:
            return


def _block(data: bytes, offset: int, line: int, ends: Offsets, breaks: Offsets) -> RecordBlock:
    starts = np.concatenate((np.zeros(1, np.int64), ends[:-1]))
    short = np.flatnonzero(ends - starts <= 2)
    blank = [i for i in short.tolist() if not data[starts[i] : ends[i]].strip(b"\r\n")]
    if blank:
        starts, ends = np.delete(starts, blank), np.delete(ends, blank)
    return RecordBlock(data, offset, line, starts, ends, breaks)


def _malformed(data: bytes, offset: int, line: int, problem: str, skipped: int = 0) -> RecordBlock:
    one = np.array([len(data)], np.int64)
    return RecordBlock(data, offset, line, np.zeros(1, np.int64), one, one - 1, problem, skipped)


def _skip_line(stream: BinaryIO, data: bytes) -> tuple[bytes, int]:
    """Read on to the end of an oversized line; return its beginning and the count of bytes that were skipped."""
    kept, skipped = data[:4096], len(data) - 4096
    while fresh := stream.read(BLOCK_BYTES):
        found = fresh.find(b"\n")
        if found >= 0:
            skipped += found + 1
            stream.seek(found + 1 - len(fresh), 1)
            break
        skipped += len(fresh)
    return kept, skipped


def _record_ends(data: bytes, *, quoted: bool, final: bool) -> tuple[Offsets, Offsets]:
    """Return the offsets after each complete record, and the offsets of all line breaks."""
    text: NDArray[Any] = np.frombuffer(data, np.uint8)
    is_break = text == _LF
    if b"\r" in data:
        returns = text == _CR
        is_break[:-1] |= returns[:-1] & (text[1:] != _LF)
        # A CR at the very end may be the first half of CR LF.
        is_break[-1] |= final and returns[-1]
    breaks = np.flatnonzero(is_break)
    ends = breaks + 1
    open_end = False
    if quoted and b'"' in data:
        ends, open_end = _ends_outside_quotes(data, text, breaks)
    if final and data and not open_end and (len(ends) == 0 or ends[-1] < len(data)):
        ends = np.append(ends, len(data))
    return ends, breaks


def _ends_outside_quotes(data: bytes, text: NDArray[Any], breaks: Offsets) -> tuple[Offsets, bool]:
    """Return the ends of the records, and whether the data end inside quotes."""
    quotes = np.flatnonzero(text == _QUOTE)
    opening, closing = quotes[0::2], quotes[1::2]
    before = text[opening - 1]
    well_opened = (opening == 0) | np.isin(before, (_COMMA, _LF, _CR))
    well_opened[1:] |= opening[1:] == closing[: len(opening) - 1] + 1
    after = text[np.minimum(closing + 1, len(text) - 1)]
    well_closed = (closing + 1 == len(text)) | np.isin(after, (_COMMA, _LF, _CR, _QUOTE))
    if not (well_opened.all() and well_closed.all()):
        return _ends_field_by_field(data)
    outside = np.searchsorted(quotes, breaks) % 2 == 0
    return breaks[outside] + 1, len(quotes) % 2 == 1


def _ends_field_by_field(data: bytes) -> tuple[Offsets, bool]:
    """Do the same one field at a time, for data in which quotes stand in unusual places."""
    ends, position, length, open_end = [], 0, len(data), False
    while position < length:
        if data[position] == _QUOTE:
            quoted = _REST_OF_QUOTED.match(data, position + 1)
            if quoted is None:
                open_end = True
                break
            position = quoted.end()
        rest = _REST_OF_FIELD.match(data, position)
        position = rest.end() if rest else position
        if position >= length:
            break
        separator = _LINE_BREAK.match(data, position)
        position = separator.end() if separator else position + 1
        if separator:
            ends.append(position)
    return np.array(ends, np.int64), open_end
