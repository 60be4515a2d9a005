"""Settings of a stack on this machine."""

from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt, field_validator, model_validator

from stacks.settings.capture import STOCKS, CaptureJobSettings, captured_once
from stacks.settings.checkout import CHECKOUT
from stacks.settings.model import ModelSettings
from stacks.settings.section import PortNumber, Section
from stacks.settings.stack import StackSettings


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


class LocalSettings(StackSettings):
    """A stack on this machine."""

    cloud: Literal["local"] = "local"
    """Where the stack runs."""
    phase: Literal["development"] = "development"
    """The phase that the stack is in; it decides what the stack consists of."""
    model: ModelSettings = Field(default_factory=ModelSettings)
    """The model that is served."""
    capture: tuple[CaptureJobSettings, ...] = (STOCKS,)
    """Data sets that are captured."""
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

    @field_validator("capture")
    @classmethod
    def _capture_each_dataset_once(cls, jobs: tuple[CaptureJobSettings, ...]) -> tuple[CaptureJobSettings, ...]:
        return captured_once(jobs)

    def root_of(self, stack: str) -> Path:
        """Return the absolute folder of a stack."""
        return (CHECKOUT / self.home.expanduser()).resolve() / stack
