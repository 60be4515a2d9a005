"""Objects of Kubernetes in YAML, read as Kubernetes reads them."""

from collections.abc import Iterator
from typing import Any

import yaml


class _Loader(yaml.CSafeLoader):
    """Read `=` and dates as the text that they are: Kubernetes knows neither of YAML 1.1's types for them."""


for _tag in ("value", "timestamp"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", lambda loader, node: str(node.value))


def objects_in(text: str | bytes) -> Iterator[dict[str, Any]]:
    """Yield every document that is an object of some kind."""
    for item in yaml.load_all(text, _Loader):
        if isinstance(item, dict) and item.get("kind"):
            yield item
