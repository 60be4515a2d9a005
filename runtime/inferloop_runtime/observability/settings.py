"""Settings of the metrics exporter process."""

from pathlib import Path

from pydantic import Field, HttpUrl, PositiveFloat

from inferloop_runtime.settings_file import ProcessSettings


class ScrapeTarget(ProcessSettings):
    """One process whose Prometheus text metrics are passed on under the label `process`."""

    process: str
    """Value of the label `process`."""
    url: HttpUrl
    """Address of the process's metrics."""


class MetricsSettings(ProcessSettings):
    """Say where the exporter listens and what it gathers: processes' own metrics, PostgreSQL's and the catalog's.

    `pid_dir` holds one `<process>.pid` file for each supervised process; their memory and CPU time are exported.
    """

    stack: str
    """Name of the stack."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(ge=0, le=65535)
    """Port to listen on; 0 lets the kernel choose."""
    dsn_file: Path
    """File that holds the database's DSN."""
    pid_dir: Path
    """Folder of the processes' pid files."""
    targets: tuple[ScrapeTarget, ...] = ()
    """Processes whose metrics are passed on."""
    scrape_timeout_s: PositiveFloat = 2.0
    """How long one process may take to answer."""
