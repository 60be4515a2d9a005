"""Ask whether a process is ready, without starting Python."""

import subprocess
import urllib.error
import urllib.request

from pydantic import BaseModel, ConfigDict


class Readiness(BaseModel):
    """How a process shows that it is ready: an address that answers 200, or a command that exits with 0.

    `timeout_s` is how long it may take from its start. `alive_url` is where a process that is not ready for want of
    another one still answers 200: it need not be repaired.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    url: str | None = None
    alive_url: str | None = None
    command: tuple[str, ...] = ()
    timeout_s: float = 30.0

    def is_met(self) -> bool:
        """Ask once; takes 2 s at most."""
        if self.url is not None:
            return _answers(self.url)
        try:
            return subprocess.run(self.command, capture_output=True, check=False, timeout=2).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False

    def is_alive(self) -> bool:
        """Ask once whether the process itself is well; takes 2 s at most."""
        return _answers(self.alive_url) if self.alive_url is not None else self.is_met()


def _answers(url: str) -> bool:
    try:
        # The address is the stack's own.
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False
