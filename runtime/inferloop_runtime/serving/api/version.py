"""The version of this distribution."""

from functools import cache
from importlib.metadata import version


@cache
def runtime_version() -> str:
    """Return the installed version of `inferloop-runtime`."""
    return version("inferloop-runtime")
