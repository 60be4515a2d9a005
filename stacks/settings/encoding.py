"""How the engine writes a setting's value: text, and JSON for a section or a list."""

import json
from typing import Any


def decode(text: str) -> Any:
    """Return what a configuration value says: a section or a list where it is JSON of one, else the text itself."""
    if text[:1] not in ("{", "["):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
