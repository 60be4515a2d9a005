"""A file of schemas that the plugins of several commands and rehearsals share."""

import contextlib
import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any


class SchemaFile:
    """Schemas by name, one a line as JSON. What is not there, or cannot be read or written, is read from the SDK."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    @cached_property
    def _known(self) -> dict[str, dict[str, Any]]:
        known: dict[str, dict[str, Any]] = {}
        if self._path is not None:
            with contextlib.suppress(OSError):
                for line in self._path.read_text(encoding="utf-8", errors="replace").splitlines():
                    # Whoever wrote it was killed.
                    with contextlib.suppress(ValueError, KeyError, TypeError):
                        entry = json.loads(line)
                        known[entry["name"]] = entry["schema"]
        return known

    def get(self, name: str) -> dict[str, Any] | None:
        """Return a schema, None where there is none."""
        return self._known.get(name)

    def add(self, name: str, schema: dict[str, Any]) -> dict[str, Any]:
        """Keep a schema, also for others, and return it."""
        self._known[name] = schema
        if self._path is None:
            return schema
        # It begins with a line's end, for the line before may be cut off. One write at the file's end, so that several
        # processes do not mix theirs.
        line = "\n" + json.dumps({"name": name, "schema": schema}, separators=(",", ":")) + "\n"
        with contextlib.suppress(OSError):
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, line.encode())
            finally:
                os.close(descriptor)
        return schema
