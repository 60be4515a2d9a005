"""A stack's settings: read from pulumi.Config here and nowhere else, frozen, and refused whole when one is wrong.

Validation does no input or output; what needs a look at files is a phase's preflight.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import pulumi
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PositiveInt,
    Tag,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from components.errors import SettingsError

PROJECT = "inferloop"
CHECKOUT = Path(__file__).resolve().parents[1]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
PortNumber = Annotated[int, Field(ge=0, le=65535)]


class Section(BaseModel):
    """A group of settings; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ModelSettings(Section):
    """Which model is served, and how much of the machine it may take."""

    source: str = Field(default="sample:smollm2-135m-instruct", min_length=1)
    """`sample:smollm2-135m-instruct`, `tiny` (generated), a local folder, or a hub id `owner/name[@revision]`."""
    name: str | None = Field(default=None, min_length=1)
    """Name under which clients ask for the model; the source's own when absent."""
    shards: PositiveInt = 1
    """Tensor-parallel degree: processes that each hold a part of every layer."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs; `auto` takes a GPU where there is one."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format of the weights in memory."""
    threads: int = Field(default=0, ge=0)
    """Threads in each shard's process; 0 leaves the choice to the engine."""
    max_batch_size: PositiveInt = 8
    """Requests that generate at the same time."""
    max_concurrent_requests: PositiveInt = 128
    """Requests that may wait or run; more are refused."""
    max_input_tokens: PositiveInt = 1024
    """Longest prompt in tokens."""
    max_total_tokens: PositiveInt = 2048
    """Longest prompt and answer together in tokens."""
    start_timeout_s: PositiveInt = 300
    """How long the model may take to load."""

    @model_validator(mode="after")
    def _leave_room_for_an_answer(self) -> "ModelSettings":
        if self.max_input_tokens >= self.max_total_tokens:
            raise ValueError("max_input_tokens must be less than max_total_tokens, or no token is left for an answer")
        return self


class PortSettings(Section):
    """Loopback ports; for 0 a free one is chosen once and then kept."""

    gateway: PortNumber = 8080
    """Port of the gateway and its console."""
    model_server: PortNumber = 0
    """Port of the model server."""
    postgres: PortNumber = 0
    """Port of PostgreSQL."""
    metrics: PortNumber = 0
    """Port of the metrics exporter."""
    prometheus: PortNumber = 0
    """Port of Prometheus, where it is installed."""
    supervisor: PortNumber = 0
    """Port of the supervisor's interface."""

    @model_validator(mode="after")
    def _be_different(self) -> "PortSettings":
        chosen: dict[int, str] = {}
        for role, port in self:
            if port and port in chosen:
                raise ValueError(f"{role} and {chosen[port]} both ask for port {port}: give each one of its own")
            chosen[port] = role
        return self


class DatabaseSettings(Section):
    """How much PostgreSQL may take."""

    shared_buffers_mib: int = Field(default=32, ge=1)
    """Memory for PostgreSQL's page cache, in MiB."""
    max_connections: int = Field(default=50, ge=10)
    """Connections that PostgreSQL accepts at the same time."""


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


class StackSettings(Section):
    """What stacks of every cloud have in common."""

    phase: Literal["development"] = "development"
    """The phase that the stack is in; it decides what the stack consists of."""
    model: ModelSettings = Field(default_factory=ModelSettings)
    """The model that is served."""
    capture: tuple[CaptureJobSettings, ...] = (STOCKS,)
    """Data sets that are captured."""

    @field_validator("capture")
    @classmethod
    def _capture_each_dataset_once(cls, jobs: tuple[CaptureJobSettings, ...]) -> tuple[CaptureJobSettings, ...]:
        names = [job.dataset for job in jobs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"data sets declared twice: {', '.join(twice)}")
        return jobs


class LocalSettings(StackSettings):
    """A stack on this machine."""

    cloud: Literal["local"] = "local"
    """Where the stack runs."""
    home: Path = Path(".inferloop")
    """Folder that holds the stack's folder; a relative one starts at the checkout."""
    ports: PortSettings = Field(default_factory=PortSettings)
    """Loopback ports."""
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    """How much PostgreSQL may take."""
    console_access: Literal["open", "key"] = "open"
    """Whether the console's data needs a key; everything listens on loopback only."""
    prometheus: Literal["auto", "off"] = "auto"
    """`auto` runs Prometheus where its program is on PATH."""
    scrape_interval_s: PositiveInt = 5
    """How often Prometheus scrapes, in seconds."""

    def root_of(self, stack: str) -> Path:
        """Return the absolute folder of a stack."""
        return (CHECKOUT / self.home.expanduser()).resolve() / stack


# A union of one today: each cloud adds its member. It is discriminated by a callable because the key has a default.
def _cloud_of(values: Any) -> Any:
    return values.get("cloud", "local") if isinstance(values, Mapping) else getattr(values, "cloud", None)


Settings = Annotated[Annotated[LocalSettings, Tag("local")], Discriminator(_cloud_of)]
CLOUDS: Mapping[str, type[StackSettings]] = {"local": LocalSettings}
_ADAPTER: TypeAdapter[LocalSettings] = TypeAdapter(Settings)


def load_settings() -> LocalSettings:
    """Read the stack's settings from its configuration.

    Raises SettingsError that lists every wrong key with what is allowed.
    """
    return parse_settings(_stack_configuration())


def parse_settings(configuration: Mapping[str, str]) -> LocalSettings:
    """Check settings that are given as Pulumi keeps them: text, or JSON for whole sections.

    Raises SettingsError that lists every wrong key with what is allowed.
    """
    values = {key: _decode(text) for key, text in configuration.items()}
    try:
        return _ADAPTER.validate_python(values)
    except ValidationError as error:
        problems = [_describe(item) for item in error.errors(include_url=False)]
    raise SettingsError("\n  - ".join(("the stack's settings are wrong:", *problems)))


def _stack_configuration() -> dict[str, str]:
    prefix = f"{PROJECT}:"
    known = pulumi.runtime.config.CONFIG.get()
    return {key.removeprefix(prefix): str(value) for key, value in known.items() if key.startswith(prefix)}


def _decode(text: str) -> Any:
    if text[:1] not in ("{", "["):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _describe(item: Any) -> str:
    path = [str(part) for part in item["loc"] if part not in CLOUDS]
    key = (
        f"{PROJECT}:{path[0]}{''.join(f'[{part}]' if part.isdigit() else f'.{part}' for part in path[1:])}"
        if path
        else PROJECT
    )
    given = (
        ""
        if item["type"] in ("missing", "extra_forbidden") or isinstance(item["input"], dict)
        else f" (given: {item['input']!r})"
    )
    if item["type"] == "extra_forbidden":
        return f"{key}: no such setting{_alternatives(path)}"
    if item["type"] == "union_tag_invalid":
        return f"{PROJECT}:cloud: must be one of {', '.join(CLOUDS)} (given: {item['ctx']['tag']!r})"
    return f"{key}: {item['msg']}{given}"


def _alternatives(path: list[str]) -> str:
    """Name the settings that stand where `path` ends."""
    model: type[BaseModel] = LocalSettings
    for part in path[:-1]:
        if part.isdigit():
            continue
        annotation = model.model_fields[part].annotation
        inner = next((kind for kind in (annotation, *get_args(annotation)) if _is_section(kind)), None)
        if inner is None:
            return ""
        model = inner
    return f"; there are {', '.join(model.model_fields)}"


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)
