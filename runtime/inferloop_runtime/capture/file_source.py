"""The file engine: read CSV and JSON-lines files as Arrow tables, and set aside what is not a row."""

import csv
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.json

from inferloop_runtime.capture.extract import Cursor, ExtractedBatch, RejectedRow, SourceVersion
from inferloop_runtime.capture.records import Offsets, RecordBlock, record_blocks
from inferloop_runtime.capture.sample import resolve_uri
from inferloop_runtime.capture.settings import Column, FileSource
from inferloop_runtime.errors import CaptureError

_BOM = b"\xef\xbb\xbf"
# JSON has these types itself; everything else arrives as text.
_JSON_TYPES = {"int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}


@dataclass(frozen=True)
class _Parsed:
    table: pa.Table
    records: Offsets
    problems: dict[int, str]


class FileExtractor:
    """Read one local CSV (comma, RFC 4180, header required) or JSON-lines file in UTF-8."""

    def __init__(self, source: FileSource, columns: tuple[Column, ...]) -> None:
        self._source = source
        self._path = resolve_uri(source.uri)
        self._names = [column.name for column in columns]
        self._header: list[str] = []
        self._json_schema = pa.schema([(c.name, _JSON_TYPES.get(c.type, pa.string())) for c in columns])

    def describe(self) -> SourceVersion:
        """Hash the file. Raises CaptureError where it cannot be read."""
        with self._open() as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            status = os.fstat(stream.fileno())
        modified = datetime.fromtimestamp(status.st_mtime, UTC)
        return SourceVersion(self._source.uri, digest, status.st_size, modified)

    def begin(self) -> Cursor:
        """Compare the header with the declared columns; a JSON-lines file has none.

        Raises CaptureError that names the file with its missing, unknown and repeated columns.
        """
        with self._open() as stream:
            bom = len(_BOM) if stream.read(len(_BOM)) == _BOM else 0
            if self._source.format == "jsonl":
                return {"byte": bom, "line": 1}
            first = next((b for b in record_blocks(stream, offset=bom, line=1, quoted=True) if len(b.starts)), None)
        if first is None:
            raise CaptureError(f"{self._path} is empty; expected a header with {', '.join(self._names)}")
        try:
            header = first.data[first.starts[0] : first.ends[0]].decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise CaptureError(f"{self._path}: the header is not UTF-8; convert the file to UTF-8") from None
        self._header = next(csv.reader([header]))
        self._check_header()
        byte, line = first.position_after(1)
        return {"byte": byte, "line": line}

    def read(self, cursor: Cursor, max_rows: int) -> Iterator[ExtractedBatch]:
        """Read at most `max_rows` records from `cursor` on, rows that are malformed included."""
        is_csv = self._source.format == "csv"
        if is_csv and not self._header:
            self.begin()
        parse = self._parse_csv if is_csv else self._parse_json
        with self._open() as stream:
            for block in record_blocks(stream, offset=cursor["byte"], line=cursor["line"], quoted=is_csv):
                count = min(len(block.starts), max_rows)
                if count == 0:
                    continue
                yield self._batch(block, count, parse)
                max_rows -= count
                if max_rows == 0:
                    return

    def _open(self) -> BufferedReader:
        try:
            return self._path.open("rb")
        except OSError as error:
            raise CaptureError(f"cannot read source {self._path}: {error.strerror}") from error

    def _check_header(self) -> None:
        found, declared = self._header, self._names
        problems = [
            f"{what} {', '.join(map(repr, names))}"
            for what, names in (
                ("missing columns", [name for name in declared if name not in found]),
                ("columns that are not declared", [name for name in found if name not in declared]),
                ("repeated columns", sorted({name for name in found if found.count(name) > 1})),
            )
            if names
        ]
        if problems:
            raise CaptureError(f"the header of {self._path} has {'; '.join(problems)}")

    def _batch(self, block: RecordBlock, count: int, parse: "_Parser") -> ExtractedBatch:
        byte, line = block.position_after(count)
        everything = np.arange(count)
        if block.problem:
            parsed = _Parsed(self._empty(), everything[:0], {0: block.problem})
        else:
            parsed = _isolate(block, everything, parse, self._empty())
        return ExtractedBatch(
            table=parsed.table.select(self._names).combine_chunks(),
            origin=lambda row: (block.line_of(r := int(parsed.records[row])), block.text_of(r)),
            end={"byte": byte, "line": line},
            rejected=[
                RejectedRow(block.line_of(record), block.text_of(record), [reason])
                for record, reason in sorted(parsed.problems.items())
            ],
        )

    def _empty(self) -> pa.Table:
        if self._source.format == "jsonl":
            return self._json_schema.empty_table()
        return pa.schema([(name, pa.string()) for name in self._header]).empty_table()

    def _parse_csv(self, data: bytes) -> tuple[pa.Table, dict[int, str]]:
        problems: dict[int, str] = {}

        def set_aside(row: pa.csv.InvalidRow) -> str:
            problems[row.number - 1] = f"has {row.actual_columns} columns, expected {row.expected_columns}"
            return "skip"

        table = pa.csv.read_csv(
            pa.BufferReader(data),
            # One block and one thread: only then are rows numbered.
            pa.csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=self._header),
            pa.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=set_aside),
            pa.csv.ConvertOptions(
                column_types={name: pa.string() for name in self._header},
                null_values=list(self._source.null_values),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        return table, problems

    def _parse_json(self, data: bytes) -> tuple[pa.Table, dict[int, str]]:
        table = pa.json.read_json(
            pa.BufferReader(data),
            pa.json.ReadOptions(use_threads=False, block_size=len(data) + 1),
            pa.json.ParseOptions(explicit_schema=self._json_schema, unexpected_field_behavior="error"),
        )
        return table, {}


_Parser = Callable[[bytes], tuple[pa.Table, dict[int, str]]]


def _isolate(block: RecordBlock, records: Offsets, parse: _Parser, empty: pa.Table) -> _Parsed:
    """Parse records together; where that fails, halve them until the malformed ones stand alone.

    Halving reads each record at most log2(n) times, however many are malformed.
    """
    reason = "cannot be parsed as exactly one row"
    try:
        table, problems = parse(_joined(block, records))
    except pa.ArrowInvalid as error:
        reason = _plain(str(error))
    else:
        if table.num_rows + len(problems) == len(records):
            named = {int(records[row]): text for row, text in problems.items()}
            return _Parsed(table, np.delete(records, list(problems)) if problems else records, named)
    if len(records) == 1:
        return _Parsed(empty, records[:0], {int(records[0]): reason})
    middle = len(records) // 2
    left, right = (_isolate(block, half, parse, empty) for half in (records[:middle], records[middle:]))
    return _Parsed(
        pa.concat_tables([left.table, right.table]),
        np.concatenate((left.records, right.records)),
        left.problems | right.problems,
    )


def _joined(block: RecordBlock, records: Offsets) -> bytes:
    """Return the bytes of consecutive records; blank lines between them do no harm."""
    return block.data[block.starts[records[0]] : block.ends[records[-1]]]


def _plain(message: str) -> str:
    """Turn Arrow's message about one record into a reason."""
    if "invalid UTF8" in message or "Invalid encoding" in message:
        return "is not valid UTF-8"
    return message.removeprefix("JSON parse error: ").replace(" in row 0", "").strip()
