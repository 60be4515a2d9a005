"""What moto's process is told on its command line."""

from typing import Final

OUTLIVE: Final = "--outlive"
"""Serve on when the parent process has gone."""
