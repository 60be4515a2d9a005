"""Ask whether a process is ready, without starting Python."""

import subprocess
import urllib.error
import urllib.request

from pydantic import BaseModel, ConfigDict


class Readiness(BaseModel):
    """How a process shows that it is ready: an address that answers 200, or a command that exits with 0.

    `timeout_s` is how long it may take from its start.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    url: str | None = None
    command: tuple[str, ...] = ()
    timeout_s: float = 30.0

    def is_met(self) -> bool:
        """Ask once; takes 2 s at most."""
        if self.url is not None:
            try:
                # The address is the stack's own.
                with urllib.request.urlopen(self.url, timeout=2) as answer:  # noqa: S310
                    return bool(answer.status == 200)
            except (OSError, urllib.error.URLError, ValueError):
                return False
        try:
            return subprocess.run(self.command, capture_output=True, check=False, timeout=2).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False
