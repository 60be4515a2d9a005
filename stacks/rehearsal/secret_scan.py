"""Look for secret values where they must not stand: in the state as it is kept, in logs and in events."""

import base64
import json
from collections.abc import Iterable
from pathlib import Path


def find_secrets(secrets: Iterable[str], files: Iterable[Path]) -> list[str]:
    """Return the files that hold a secret value in plain text, in base64 or as a part of JSON; never the value.

    A value with several lines is also looked for by its longest line, as logs break texts.
    """
    needles = [needle for value in secrets for needle in _forms(value)]
    return sorted({str(path) for path in files if _holds(path, needles)})


def _forms(value: str) -> list[bytes]:
    plain = value.encode()
    longest = max(value.splitlines() or [value], key=len).encode()
    forms = {plain, json.dumps(value)[1:-1].encode(), base64.b64encode(plain)}
    if len(longest) >= 16:
        forms.add(longest)
    return list(forms)


def _holds(path: Path, needles: list[bytes]) -> bool:
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return any(needle in content for needle in needles)
