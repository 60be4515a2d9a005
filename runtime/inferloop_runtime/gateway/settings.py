"""Settings of the gateway process."""

from pathlib import Path
from typing import Literal

from pydantic import Field, HttpUrl, PositiveFloat, PositiveInt

from inferloop_runtime.settings_file import ProcessSettings


class Upstream(ProcessSettings):
    """One model server that the gateway may route to."""

    model: str
    """Name under which clients ask for the model."""
    url: HttpUrl
    """Address of the model server, without a path."""


class GatewaySettings(ProcessSettings):
    """Say where the gateway listens, whom it routes to and where it keeps its usage journal.

    `journal_dir` holds usage records that the database has not yet confirmed; it must outlive the process.
    `console_access` "open" serves the console's data without a key: only for a gateway bound to loopback.
    `stack` is shown on the console. `journal_max_bytes` bounds the journal while the database is away; records beyond
    it are lost, and the metrics say so.
    """

    stack: str
    """Name of the stack, for the console."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(ge=0, le=65535)
    """Port to listen on; 0 lets the kernel choose."""
    dsn_file: Path
    """File that holds the database's DSN."""
    admin_key_file: Path
    """File that holds the admin key."""
    upstreams: tuple[Upstream, ...] = Field(min_length=1)
    """The model servers, one for each model."""
    journal_dir: Path
    """Folder of usage records that the database has not yet confirmed."""
    console_access: Literal["open", "key"] = "key"
    """Whether the console's data needs a key."""
    connect_timeout_s: PositiveFloat = 2.0
    """How long a connection to a model server may take."""
    upstream_timeout_s: PositiveFloat = 600.0
    """Longest time for one request to a model server."""
    drain_timeout_s: PositiveFloat = 30.0
    """How long running requests may take to end after SIGTERM."""
    max_body_bytes: PositiveInt = 4 * 1024 * 1024
    """Largest request body."""
    key_refresh_s: PositiveFloat = 5.0
    """How soon a revoked key is refused, at the latest."""
    journal_max_bytes: PositiveInt = 1024**3
    """Largest size of the usage journal; records beyond it are dropped."""
