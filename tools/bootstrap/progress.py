"""Progress on standard error: short lines with the time since the start, never minutes of silence."""

import sys
import threading
import time
from typing import TextIO

HEARTBEAT_S = 5.0


class Progress:
    """Print lines from several threads; a thread's frequent news is thinned to one line each HEARTBEAT_S seconds."""

    def __init__(self, stream: TextIO | None = None, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._stream = stream
        self._heartbeat_s = heartbeat_s
        self._start = time.monotonic()
        self._lock = threading.Lock()
        self._last: dict[str, float] = {}

    @property
    def elapsed_s(self) -> float:
        """Seconds since this progress began."""
        return time.monotonic() - self._start

    def say(self, topic: str, text: str) -> None:
        """Print one line now."""
        with self._lock:
            self._print(topic, text)

    def tick(self, topic: str, text: str) -> None:
        """Print one line if the topic has been silent for a heartbeat."""
        with self._lock:
            if time.monotonic() - self._last.get(topic, self._start) >= self._heartbeat_s:
                self._print(topic, text)

    def _print(self, topic: str, text: str) -> None:
        self._last[topic] = time.monotonic()
        minutes, seconds = divmod(int(self.elapsed_s), 60)
        print(f"{minutes:3d}:{seconds:02d}  {topic:<11}  {text}", file=self._stream or sys.stderr, flush=True)
