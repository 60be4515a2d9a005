"""AWS's SDK is an extra, which nothing but an AWS component may load."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
_LOADED = "import sys; import {modules}; print(*(name for name in sys.modules if name.startswith('pulumi_')))"


@pytest.mark.parametrize(
    "modules",
    [
        "components, components.contracts, components.registry, components.catalog.availability",
        "stacks.settings, stacks.phases.registry, stacks.phases.development",
        "components.aws.cidr, components.aws.naming, components.aws.tags, components.aws.policy",
        "components.aws.retention, components.aws.kubernetes_versions",
    ],
)
def test_no_cloud_sdk_is_loaded(modules: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOADED.format(modules=modules)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
