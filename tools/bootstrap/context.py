"""What every step of set-up is given."""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from tools.bootstrap.layout import Layout
from tools.bootstrap.progress import Progress
from tools.bootstrap.versions import Pins


@dataclass(frozen=True)
class Context:
    """The checkout, its pins, where to report, and whether to stop."""

    layout: Layout
    pins: Pins
    progress: Progress
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    stop: threading.Event = field(default_factory=threading.Event)
    # Optional dependencies that the environment must have beside what it had.
    extras: frozenset[str] = frozenset()
    # Inherited by the commands that a step runs, so that the checkout stays locked while one of them lives.
    keep_open: tuple[int, ...] = ()

    def search_path(self) -> str:
        """Give the user's PATH, without what set-up itself or an active environment of the checkout put there."""
        own = (str(self.layout.tools), str(self.layout.environment))
        entries = self.environ.get("PATH", os.defpath).split(os.pathsep)
        return os.pathsep.join(entry for entry in entries if entry and not entry.startswith(own))
