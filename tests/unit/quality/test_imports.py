"""Who may import whom, and what a light start may load."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

_WITHOUT_PULUMI = """
import importlib, pkgutil, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"pulumi", "components", "stacks", "inferloop"}:
            raise ImportError(f"{name} is not in the image")

sys.meta_path.insert(0, Refuse())
import inferloop_runtime
for module in pkgutil.walk_packages(inferloop_runtime.__path__, "inferloop_runtime."):
    # Alembic's own files run only inside a migration.
    if ".migrations." not in module.name:
        importlib.import_module(module.name)
"""

_LOADED = "import sys; {statement}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
_CPU_TIME = "import time; start = time.process_time(); {statement}; print(time.process_time() - start)"
# As the program does it, before its imports.
_COLLECTION = "import gc; gc.set_threshold(200_000)"
_STACKS = "import stacks.settings, stacks.phases.development, components.registry, components.local"
_HEAVY = {"torch", "transformers", "sqlalchemy", "alembic", "asyncpg", "pyarrow", "granian", "gguf", "huggingface_hub"}


def _python(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_import_rules_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_runtime_module_is_importable_without_pulumi() -> None:
    _python(_WITHOUT_PULUMI)


def test_the_stacks_program_loads_no_serving_library_and_no_cloud_sdk() -> None:
    loaded = set(_python(_LOADED.format(statement=_STACKS)).split())
    assert not loaded & _HEAVY
    assert not {name for name in loaded if name.startswith("pulumi_")}


@pytest.mark.timing
def test_the_stacks_program_imports_within_its_time_budget() -> None:
    """At most twice what Pulumi's own SDK takes, both measured in CPU time and in turn; the best of three each."""
    assert _COLLECTION.rpartition("; ")[2] in (ROOT / "stacks" / "__main__.py").read_text(encoding="utf-8")
    pulumi, stacks = "import pulumi", f"{_COLLECTION}; {_STACKS}"
    times: dict[str, list[float]] = {pulumi: [], stacks: []}
    for _ in range(3):
        for statement, measured in times.items():
            measured.append(float(_python(_CPU_TIME.format(statement=statement))))
    assert min(times[stacks]) <= 2 * min(times[pulumi])


@pytest.mark.parametrize("module", ["inferloop_runtime.main", "inferloop.main"])
def test_a_command_lines_help_loads_nothing_heavy(module: str) -> None:
    loaded = set(_python(_LOADED.format(statement=f"import {module}")).split())
    assert not loaded & (_HEAVY | {"aiohttp", "pulumi"})
