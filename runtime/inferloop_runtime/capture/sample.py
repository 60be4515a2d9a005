"""Find the sample files that the `samples` extra ships."""

import importlib.util
from pathlib import Path

from inferloop_runtime.errors import CaptureError

_SCHEME = "sample:"


def resolve_uri(uri: str) -> Path:
    """Turn a source's uri, a path or `sample:<name>`, into a path.

    Raises CaptureError where the samples are not installed, or name none so (it lists those there are).
    """
    if not uri.startswith(_SCHEME):
        return Path(uri)
    # Found, not imported: the package's import would load pandas.
    package = importlib.util.find_spec("vega_datasets")
    if package is None or not package.submodule_search_locations:
        raise CaptureError(f"source {uri} needs the samples extra: install inferloop-runtime[capture,samples]")
    folder = Path(package.submodule_search_locations[0]) / "_data"
    name = uri.removeprefix(_SCHEME)
    available = sorted(path.name for path in folder.iterdir() if path.suffix in (".csv", ".json"))
    if name not in available:
        raise CaptureError(f"there is no sample {name!r}; available: {', '.join(available)}")
    return folder / name
