"""Settings of one capture job."""

from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt

from inferloop_runtime.settings_file import ProcessSettings


class Column(ProcessSettings):
    """What one column of the source must be, and what privacy asks of it.

    `type` is an Arrow type by its short name. `privacy` "hash" keeps joins possible (keyed BLAKE2b), "mask" keeps the
    shape, "drop" removes it.
    """

    name: str
    type: Literal["string", "int64", "float64", "bool", "date32", "timestamp"]
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    format: str | None = Field(default=None, description="strptime format of a date or timestamp")
    privacy: Literal["keep", "hash", "mask", "drop"] = "keep"


class FileSource(ProcessSettings):
    """A CSV or JSON-lines file; the uri `sample:<name>` is a file of the samples extra (`sample:stocks.csv`)."""

    engine: Literal["file"] = "file"
    uri: str
    format: Literal["csv", "jsonl"] = "csv"


class CaptureSettings(ProcessSettings):
    """One capture job: from a declared source to a Parquet data set and a catalog row.

    `datasets_dir` receives `<dataset>/v<version>/part-*.parquet`; `privacy_key_file` holds the key of hashed columns.
    """

    job: str
    dataset: str
    source: FileSource
    columns: tuple[Column, ...] = Field(min_length=1)
    datasets_dir: Path
    state_dir: Path
    dsn_file: Path
    privacy_key_file: Path
    rows_per_part: PositiveInt = 50_000
    max_quarantined_fraction: float = Field(default=0.1, ge=0, le=1)
