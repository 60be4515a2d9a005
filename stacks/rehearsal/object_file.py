"""Write a cluster's objects to a file, so that two clusters can be compared."""

import json
from collections.abc import Collection
from pathlib import Path

from components.local.files import write_atomically
from stacks.rehearsal.kubernetes.api import KubernetesApi
from stacks.rehearsal.kubernetes.objects import address, all_objects, comparable


def write_objects(api: KubernetesApi, path: Path, *, without: Collection[str] = ()) -> None:
    """Write every object by its address as JSON, without what the server and its controllers set.

    Those whose addresses are in `without` are left out. The file (0600) holds the cluster's secrets.
    """
    objects = {address(item): comparable(item) for item in all_objects(api) if address(item) not in without}
    write_atomically(path, json.dumps(objects, indent=2, sort_keys=True) + "\n", mode=0o600)
