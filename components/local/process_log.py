"""Quote the end of a process's log in an error, without the stack's secrets."""

import contextlib
from pathlib import Path

_TAIL_BYTES = 8192
_TAIL_LINES = 15
_MIN_SECRET_LENGTH = 8


def redact(text: str, secrets_dir: Path) -> str:
    """Replace what any file in `secrets_dir` holds by `[redacted]`."""
    for path in secrets_dir.glob("*"):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            secret = path.read_text(encoding="utf-8").strip()
            if len(secret) >= _MIN_SECRET_LENGTH:
                text = text.replace(secret, "[redacted]")
    return text


def log_tail(log: Path, secrets_dir: Path, *, since: int = 0) -> str:
    """Return the last lines that were written after position `since` (bytes), redacted and indented."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(size - _TAIL_BYTES, min(since, size)))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    lines = redact(text, secrets_dir).strip().splitlines()[-_TAIL_LINES:]
    return "".join(f"\n    {line}" for line in lines)


def log_size(log: Path) -> int:
    """Return the log's size in bytes, 0 where there is none."""
    return log.stat().st_size if log.is_file() else 0
