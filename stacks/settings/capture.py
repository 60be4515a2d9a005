"""The data sets that a stack captures."""

from typing import Literal

from pydantic import Field, field_validator

from stacks.settings.section import Name, Section


class ColumnSettings(Section):
    """What one column must be, and what privacy asks of it."""

    name: str = Field(min_length=1)
    """The column's name in the source."""
    type: Literal["string", "int64", "float64", "bool", "date32", "timestamp"]
    """The column's type."""
    nullable: bool = False
    """Whether a value may be missing."""
    minimum: float | None = None
    """Least value; a row with a lesser one goes to quarantine."""
    maximum: float | None = None
    """Greatest value; a row with a greater one goes to quarantine."""
    pattern: str | None = None
    """Regular expression that a string must match."""
    format: str | None = None
    """strptime format of a date or timestamp."""
    privacy: Literal["keep", "hash", "mask", "drop"] = "keep"
    """`hash` keeps joins possible, `mask` keeps the shape, `drop` removes the column."""


class CaptureJobSettings(Section):
    """One data set and where it comes from."""

    dataset: Name
    """The data set's name."""
    uri: str = Field(min_length=1)
    """A file, or `sample:<file>` for one that ships with the samples."""
    format: Literal["csv", "jsonl"] = "csv"
    """The source's format."""
    columns: tuple[ColumnSettings, ...] = Field(min_length=1)
    """The columns that are kept."""
    max_quarantined_fraction: float = Field(default=0.1, ge=0, le=1)
    """Largest share of bad rows; more of them fail the run."""

    @field_validator("columns")
    @classmethod
    def _have_each_column_once(cls, columns: tuple[ColumnSettings, ...]) -> tuple[ColumnSettings, ...]:
        names = [column.name for column in columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"columns declared twice: {', '.join(twice)}")
        return columns


STOCKS = CaptureJobSettings(
    dataset="stocks",
    uri="sample:stocks.csv",
    columns=(
        ColumnSettings(name="symbol", type="string"),
        ColumnSettings(name="date", type="date32", format="%b %d %Y"),
        ColumnSettings(name="price", type="float64", minimum=0),
    ),
)


def captured_once(jobs: tuple[CaptureJobSettings, ...]) -> tuple[CaptureJobSettings, ...]:
    """Return the jobs. Raises ValueError where two of them capture one data set."""
    names = [job.dataset for job in jobs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"data sets declared twice: {', '.join(twice)}")
    return jobs
