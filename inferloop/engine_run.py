"""Run one long engine command with progress, interruption and clear failures."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from inferloop.engine import EngineRunner
from inferloop.errors import EngineError, InterruptedByUserError
from inferloop.events import EventLog
from inferloop.progress import Progress
from inferloop.sink import Sink

_POLL_S = 0.1
# After Ctrl-C the engine lets running steps end, so that its state tells the truth; then it is ended.
_GRACE_S = 20.0
_TAIL_LINES = 15
# Less than a fresh database's first files take.
_SCARCE_BYTES = 48 * 2**20


def run_with_progress(
    runner: EngineRunner,
    arguments: Sequence[str],
    *,
    cwd: Path,
    sink: Sink,
    title: str,
    name: str,
    observe: Callable[[dict[str, Any]], None] | None = None,
    announce: bool = True,
    grace_s: float | None = _GRACE_S,
) -> int:
    """Run `pulumi <arguments>` to its end and return the number of changed resources.

    The output is kept in the home's log folder as `<name>.log`. `observe` gets every event; without `announce` single
    steps are not told, as a preview's are only planned. After Ctrl-C the running steps have `grace_s` seconds to end,
    or all the time that they need where it is None, until Ctrl-C is pressed again.

    Raises EngineError with the engine's own errors, and InterruptedByUserError after Ctrl-C, when the engine has ended
    too.
    """
    log = runner.project.home.log / f"{name}.log"
    events = EventLog(runner.project.home.log / f".{name}-events-{os.getpid()}.jsonl", observe)
    for stale in runner.project.home.log.glob(f".{name}-events-*.jsonl"):
        stale.unlink(missing_ok=True)
    events.path.touch(mode=0o600)
    try:
        process = runner.start([*arguments, "--event-log", str(events.path)], cwd=cwd, log=log)
        try:
            with Progress(sink, title) as progress:
                _follow(process, events, progress, announce=announce)
        except KeyboardInterrupt:
            _interrupt(process, sink, grace_s)
            raise InterruptedByUserError("interrupted; run the command again, and it completes what is left") from None
        finally:
            _end(process)
        for _ in events.poll():
            pass
        if process.returncode != 0:
            raise EngineError(_explain(events, log, process.returncode) + _full_disk(runner.project.home.root))
        return events.changes
    finally:
        events.path.unlink(missing_ok=True)
        runner.trim_logs()


def _follow(process: subprocess.Popen[bytes], events: EventLog, progress: Progress, *, announce: bool) -> None:
    while True:
        ended = process.poll() is not None
        for item in events.poll():
            if announce:
                progress.show(item)
        if ended:
            return
        progress.tick()
        time.sleep(_POLL_S)


def _interrupt(process: subprocess.Popen[bytes], sink: Sink, grace_s: float | None) -> None:
    sink.note("stopping when the running steps have ended; press Ctrl-C again to stop at once")
    process.send_signal(signal.SIGINT)
    try:
        process.wait(grace_s)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        sink.note("stopped at once; the next `inferloop up` repairs what was left half-done")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def _explain(events: EventLog, log: Path, code: int) -> str:
    if events.errors:
        return "\n".join(events.errors) + f"\n(full output of the engine: {log})"
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    tail = "\n".join(lines[-_TAIL_LINES:]).removeprefix("error: ")
    return f"the engine ended with code {code}:\n{tail}\n(full output of the engine: {log})"


def _full_disk(home: Path) -> str:
    """Name the cause that programs report in many words, or in none."""
    free = shutil.disk_usage(home).free
    if free >= _SCARCE_BYTES:
        return ""
    return (
        f"\nNo space left on device: {free / 2**20:.0f} MiB are free where {home} lies; "
        "make room, then run the command again"
    )
