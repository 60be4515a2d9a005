"""Settings of the metrics exporter process."""

from pathlib import Path

from pydantic import Field, HttpUrl, PositiveFloat

from inferloop_runtime.settings_file import ProcessSettings


class ScrapeTarget(ProcessSettings):
    """One process whose Prometheus text metrics are passed on under the label `process`."""

    process: str
    url: HttpUrl


class MetricsSettings(ProcessSettings):
    """Say where the exporter listens and what it gathers: processes' own metrics, PostgreSQL's and the catalog's.

    `pid_dir` holds one `<process>.pid` file for each supervised process; their memory and CPU time are exported.
    """

    stack: str
    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65535)
    dsn_file: Path
    pid_dir: Path
    targets: tuple[ScrapeTarget, ...] = ()
    scrape_timeout_s: PositiveFloat = 2.0
