"""Show a person what the engine does: a line for each finished step, and what is under way."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from inferloop.events import Remark, Step
from inferloop.sink import Sink

if TYPE_CHECKING:
    from rich.status import Status

# Longer silence looks like a hang.
_HEARTBEAT_S = 10.0


class Progress:
    """Show steps as they come; redraws itself on a terminal, writes plain lines elsewhere."""

    def __init__(self, sink: Sink, title: str) -> None:
        self._sink = sink
        self._title = title
        self._running: dict[str, tuple[str, float]] = {}
        self._remark = ""
        self._started = self._spoke = time.monotonic()
        self._status: Status | None = None

    def __enter__(self) -> "Progress":
        if self._sink.animated:
            from rich.console import Console

            self._status = Console(file=sys.stderr, highlight=False).status(self._title)
            self._status.start()
        else:
            self._say(f"{self._title} …")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, item: Step | Remark) -> None:
        """Take one step or remark in."""
        if isinstance(item, Remark):
            self._remark = item.text.splitlines()[-1]
            return
        if item.phase == "begun":
            self._running[item.resource] = (item.doing, time.monotonic())
            return
        _, since = self._running.pop(item.resource, ("", time.monotonic()))
        self._remark = ""
        took = f"{time.monotonic() - since:.1f} s"
        self._say(f"  {item.resource}: {item.done if item.phase == 'done' else 'failed'} ({took})")

    def tick(self) -> None:
        """Redraw, or break a long silence."""
        now = time.monotonic()
        current = ", ".join(
            f"{doing} {name} ({now - since:.0f} s)" for name, (doing, since) in list(self._running.items())[:3]
        )
        text = f"{current or self._title}{f' · {self._remark}' if self._remark else ''}"
        if self._status is not None:
            from rich.markup import escape

            self._status.update(escape(text))
        elif now - self._spoke >= _HEARTBEAT_S:
            self._say(f"  … {text} [{now - self._started:.0f} s in all]")

    def _say(self, text: str) -> None:
        self._spoke = time.monotonic()
        if self._status is not None:
            from rich.markup import escape

            self._status.console.print(escape(text))
        else:
            self._sink.note(text)
