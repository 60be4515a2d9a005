"""What the program of a stack in an account imports: its own cloud's SDK, of that what it uses, and within a budget."""

import json
import os
import re
import subprocess
import sys

import pytest
import yaml

from stacks.settings import CHECKOUT

STACKS = ("staging-aws", "optimized-aws")
SECONDS = 1.5
# A machine that is slower, or busy, may take this many times what Pulumi's own SDK takes to import.
TIMES_PULUMI = 8

# Imports what stacks/__main__.py imports for the stack, and the components that its phase's modules name.
PROGRAM = """
import gc, inspect, json, re, sys, time
start = time.process_time()
exec(sys.argv[2])
import pulumi
from components.contracts import Capability, Foundation
from components.registry import capabilities_of, component
from stacks.phases.registry import phase_named
from stacks.settings import parse_settings
settings = parse_settings(json.loads(sys.argv[1]))
phase_named(settings.phase)
modules = [it for name, it in sys.modules.items() if name.startswith(("stacks.phases.", "stacks.layers."))]
took = time.process_time() - start
named = set(re.findall(r"(?:Capability|Foundation)\\.([A-Z_]+)", "".join(map(inspect.getsource, modules))))
start = time.process_time()
for capability in capabilities_of(settings.cloud):
    if capability.name in named:
        component(settings.cloud, capability)
took += time.process_time() - start
print(json.dumps({"seconds": took, "components": sorted(named), "modules": sorted(sys.modules)}))
"""
BARE = "import json, time; start = time.process_time(); import pulumi; print(json.dumps(time.process_time() - start))"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which compiled modules are kept, as they are wherever a stack is deployed from."""
    folder = tmp_path_factory.mktemp("compiled")
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder), "PYTHONPATH": str(CHECKOUT)}


def run(program: str, environment: dict[str, str], *arguments: str) -> object:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def imported(stack: str, environment: dict[str, str]) -> dict[str, object]:
    content = yaml.safe_load((CHECKOUT / "stacks" / "config" / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
    values = {key.removeprefix("inferloop:"): value for key, value in content["config"].items()}
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    # The program collects less garbage while it imports, by a statement of its own.
    own = re.findall(r"^ *(gc\.\w+\(.*\))$", (CHECKOUT / "stacks" / "__main__.py").read_text(), re.MULTILINE)
    answer = run(PROGRAM, environment, json.dumps(text), "\n".join(own))
    assert isinstance(answer, dict)
    return answer


def used_packages() -> set[str]:
    """Return the packages of AWS's SDK that the components name."""
    sources = (path.read_text(encoding="utf-8") for path in (CHECKOUT / "components" / "aws").glob("*.py"))
    return {name for source in sources for name in re.findall(r"\baws\.([a-z0-9]+)\.", source)}


@pytest.mark.parametrize("stack", STACKS)
def test_only_the_chosen_clouds_sdk_is_loaded_and_of_it_what_components_use(
    stack: str, environment: dict[str, str]
) -> None:
    answer = imported(stack, environment)
    names = [str(name) for name in answer["modules"]]  # type: ignore[attr-defined]
    sdks = {name.partition(".")[0] for name in names if name.startswith("pulumi_")}
    assert sdks == {"pulumi_aws", "pulumi_kubernetes"}
    assert {"CLUSTER", "NETWORK", "DATABASE"} <= set(answer["components"])  # type: ignore[call-overload]
    # The SDK registers each of its packages by name; one whose resources are there too has really been imported.
    loaded = {name.split(".")[1] for name in names if re.match(r"pulumi_aws\.[a-z0-9]+\._?[a-z]", name)}
    assert loaded - used_packages() <= {"config"}
    assert not [name for name in names if name.startswith(("boto", "kubernetes.", "moto", "torch", "transformers"))]
    assert not [name for name in names if name.startswith(("components.local", "stacks.settings.gcp"))]


@pytest.mark.timing
@pytest.mark.parametrize("stack", STACKS)
def test_the_program_is_imported_within_its_time_budget(stack: str, environment: dict[str, str]) -> None:
    """In CPU time, with modules compiled before; each round measures both, as a busy machine slows both down."""
    imported(stack, environment)
    run(BARE, environment)
    rounds = []
    for _ in range(5):
        bare = float(str(run(BARE, environment)))
        rounds.append((float(str(imported(stack, environment)["seconds"])), max(SECONDS, TIMES_PULUMI * bare)))
        if rounds[-1][0] <= rounds[-1][1]:
            return
    pytest.fail(f"seconds taken and allowed: {rounds}")
