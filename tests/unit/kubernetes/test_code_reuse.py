import json
import subprocess
import sys
from pathlib import Path

import pytest

from components.errors import InferloopError
from inferloop.code_reuse import TENANTS, measure

ROOT = Path(__file__).resolve().parents[3]


def _library(folder: Path, files: dict[str, str]) -> Path:
    library = folder / "components"
    for name, text in {"__init__.py": "", "workloads/__init__.py": "", **files}.items():
        path = library / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return library


def test_the_tenants_share_most_of_the_library() -> None:
    found = measure(TENANTS, ROOT / "components")
    assert found.share >= 0.7
    assert "components.kubernetes.gateway" in found.shared_modules
    assert "components.kubernetes.capture" not in found.shared_modules


def test_only_code_counts_and_only_what_is_reached(tmp_path: Path) -> None:
    library = _library(
        tmp_path,
        {
            "shared.py": '"""Documentation.\n\nMore of it.\n"""\n\n# A comment.\nVALUE = (\n    1\n)\n',
            "unused.py": "VALUE = 2\n",
            "workloads/one.py": "from components.shared import VALUE\n",
            "workloads/two.py": "def later() -> None:\n    from components import shared\n",
        },
    )
    found = measure(("one", "two"), library)
    assert found.shared_modules == {"components.shared": 3}
    assert found.all_modules["components.workloads.two"] == 2
    assert "components.unused" not in found.all_modules
    assert found.share == 3 / 6


def test_a_copy_is_not_shared(tmp_path: Path) -> None:
    files = {
        "workloads/one.py": "import components.first\n",
        "workloads/two.py": "import components.second\n",
        "first.py": "A = 1\n",
        "second.py": "A = 1\n",
    }
    assert measure(("one", "two"), _library(tmp_path, files)).share == 0


def test_an_unknown_workload_is_refused_with_those_there_are() -> None:
    with pytest.raises(InferloopError, match="tabular, textnlp"):
        measure(("image",), ROOT / "components")


def test_the_command_prints_the_share_without_loading_an_sdk() -> None:
    program = (
        "import sys; from inferloop.main import main; sys.argv = ['inferloop', 'reuse', '--json']; main(); "
        "assert not any(name.startswith('pulumi') for name in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["goal_met"]
    assert set(document["workloads"]) == set(TENANTS)
