"""Settings of one capture job."""

import re
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, PositiveInt, field_validator, model_validator

from inferloop_runtime.settings_file import ProcessSettings

# Job and data set names become file names.
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


class Column(ProcessSettings):
    """What one column of the source must be, and what privacy asks of it.

    `type` is an Arrow type by its short name; a timestamp is stored in microseconds UTC, and one without an offset is
    taken as UTC. `minimum` and `maximum` (both inclusive) bound numbers; `pattern` (RE2) must match the whole text.
    `privacy` "hash" keeps joins possible (keyed BLAKE2b), "mask" keeps the shape, "drop" removes it.
    """

    name: str = Field(min_length=1)
    """The column's name in the source."""
    type: Literal["string", "int64", "float64", "bool", "date32", "timestamp"]
    """The column's Arrow type."""
    nullable: bool = False
    """Whether a value may be missing."""
    minimum: float | None = Field(default=None, allow_inf_nan=False)
    """Least value; a row with a lesser one goes to quarantine."""
    maximum: float | None = Field(default=None, allow_inf_nan=False)
    """Greatest value; a row with a greater one goes to quarantine."""
    pattern: str | None = None
    """Regular expression that a string must match."""
    format: str | None = Field(default=None, description="strptime format of a date or timestamp")
    privacy: Literal["keep", "hash", "mask", "drop"] = "keep"
    """What is done with the column before it is written."""

    @model_validator(mode="after")
    def _rules_fit_the_type(self) -> Self:
        if (self.minimum is not None or self.maximum is not None) and self.type not in ("int64", "float64"):
            raise ValueError(f"column {self.name!r}: minimum and maximum need type int64 or float64, not {self.type}")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"column {self.name!r}: minimum {self.minimum:g} is above maximum {self.maximum:g}")
        if self.format is not None and self.type not in ("date32", "timestamp"):
            raise ValueError(f"column {self.name!r}: format needs type date32 or timestamp, not {self.type}")
        if self.pattern is not None:
            if self.type != "string":
                raise ValueError(f"column {self.name!r}: pattern needs type string, not {self.type}")
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"column {self.name!r}: pattern is no regular expression: {error}") from None
        return self


class FileSource(ProcessSettings):
    """A CSV or JSON-lines file; the uri `sample:<name>` is a file of the samples extra (`sample:stocks.csv`).

    `null_values` are the unquoted CSV texts that mean "no value".
    """

    engine: Literal["file"] = "file"
    """The extractor."""
    uri: str = Field(min_length=1)
    """A path, or `sample:<file>`."""
    format: Literal["csv", "jsonl"] = "csv"
    """The file's format."""
    null_values: tuple[str, ...] = ("",)


class CaptureSettings(ProcessSettings):
    """One capture job: from a declared source to a Parquet data set and a catalog row.

    `datasets_dir` receives `<dataset>/v<version>/part-*.parquet`; `privacy_key_file` holds the key of hashed columns.
    """

    job: str = Field(pattern=_NAME)
    """The job's name; runs are recorded under it."""
    dataset: str = Field(pattern=_NAME)
    """The data set's name."""
    source: FileSource
    """Where rows come from."""
    columns: tuple[Column, ...] = Field(min_length=1)
    """The columns that are kept."""
    datasets_dir: Path
    """Folder of all data sets."""
    state_dir: Path
    """Folder of unfinished runs."""
    dsn_file: Path
    """File that holds the database's DSN."""
    privacy_key_file: Path
    """File that holds the key of hashed columns."""
    rows_per_part: PositiveInt = 50_000
    """Rows in one Parquet file, at most."""
    max_quarantined_fraction: float = Field(default=0.1, ge=0, le=1)
    """Largest share of bad rows; more of them fail the run."""

    @field_validator("columns")
    @classmethod
    def _names_are_unique_and_one_is_kept(cls, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        names = [column.name for column in columns]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"columns are declared twice: {', '.join(repeated)}")
        if all(column.privacy == "drop" for column in columns):
            raise ValueError('every column has privacy "drop", so nothing would be written')
        return columns
