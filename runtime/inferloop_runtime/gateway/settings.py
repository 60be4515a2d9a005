"""Settings of the gateway process."""

from pathlib import Path
from typing import Literal

from pydantic import Field, HttpUrl, PositiveFloat, PositiveInt

from inferloop_runtime.settings_file import ProcessSettings


class Upstream(ProcessSettings):
    """One model server that the gateway may route to."""

    model: str
    url: HttpUrl


class GatewaySettings(ProcessSettings):
    """Say where the gateway listens, whom it routes to and where it keeps its usage journal.

    `journal_dir` holds usage records that the database has not yet confirmed; it must outlive the process.
    `console_access` "open" serves the console's data without a key: only for a gateway bound to loopback.
    `datasets_dir` and `stack` are shown on the console.
    """

    stack: str
    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65535)
    dsn_file: Path
    admin_key_file: Path
    upstreams: tuple[Upstream, ...] = Field(min_length=1)
    journal_dir: Path
    console_access: Literal["open", "key"] = "key"
    connect_timeout_s: PositiveFloat = 2.0
    upstream_timeout_s: PositiveFloat = 600.0
    drain_timeout_s: PositiveFloat = 30.0
    max_body_bytes: PositiveInt = 4 * 1024 * 1024
    key_refresh_s: PositiveFloat = 5.0
