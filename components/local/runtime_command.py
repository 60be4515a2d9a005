"""Run one command of the runtime distribution, as its own process: components never import the runtime."""

import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from components.errors import CommandError
from components.local.layout import environment_executable, python_executable
from components.local.process_log import redact
from components.local.supervision import clean_environment, launch_script

RUNTIME = "inferloop-runtime"
_LINES_KEPT = 20


def runtime_executable() -> str:
    """Return the path of the runtime's command."""
    return str(environment_executable(RUNTIME))


def run_runtime(
    arguments: Sequence[str],
    *,
    secrets_dir: Path,
    timeout_s: float = 120,
    pass_on: Sequence[str] = (),
    show_progress: bool = False,
) -> str:
    """Run `inferloop-runtime` with `arguments` and return its standard output.

    The command sees a clean environment and the variables named in `pass_on`, and ends when this process does. With
    `show_progress` its standard error is passed on line by line. Raises CommandError with the last of what it said,
    without secrets.
    """
    environment = {**clean_environment(), **{key: os.environ[key] for key in pass_on if key in os.environ}}
    command = [python_executable(), "-I", "-S", launch_script(), "--", runtime_executable(), *arguments]
    shown = " ".join((RUNTIME, *arguments))
    said: deque[str] = deque(maxlen=_LINES_KEPT)
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        listener = threading.Thread(target=_listen, args=(process.stderr, said, show_progress), daemon=True)
        listener.start()
        try:
            output = _read(process, timeout_s)
        except BaseException as error:
            process.kill()
            if isinstance(error, TimeoutError):
                raise CommandError(f"`{shown}` took longer than {timeout_s:.0f} s and was ended") from None
            raise
        finally:
            listener.join(5)
        code = process.wait()
    if code == 0:
        return output
    reason = redact("\n    ".join(said), secrets_dir) or "it said nothing"
    raise CommandError(f"`{shown}` failed with exit code {code}:\n    {reason}")


def run_runtime_json(arguments: Sequence[str], **options: Any) -> Mapping[str, Any]:
    """Run a command that prints one JSON object and return it. Raises CommandError as `run_runtime` does."""
    output = run_runtime(arguments, **options)
    try:
        answer = json.loads(output)
    except ValueError:
        raise CommandError(f"`{' '.join((RUNTIME, *arguments))}` printed no JSON; run `uv sync`") from None
    if not isinstance(answer, dict):
        raise CommandError(f"`{' '.join((RUNTIME, *arguments))}` printed no JSON object; run `uv sync`")
    return answer


def _read(process: subprocess.Popen[str], timeout_s: float) -> str:
    """Return the standard output, while another thread reads the standard error. Raises TimeoutError."""
    late = threading.Timer(timeout_s, process.kill)
    late.start()
    try:
        output = process.stdout.read() if process.stdout is not None else ""
        process.wait()
        if late.finished.is_set():
            raise TimeoutError
        return output
    finally:
        late.cancel()


def _listen(stream: IO[str] | None, said: deque[str], show: bool) -> None:
    for line in stream or ():
        said.append(line.rstrip())
        if show:
            sys.stderr.write(line)
            sys.stderr.flush()
