"""Measure the stacks in an account with no account: import, preview, a whole rehearsal, and growth with resources.

    python benchmarks/rehearsed_stacks.py [import] [preview] [rehearsal] [growth] [--stack staging-aws …] [--json]

- import: processor time of the stacks' program up to its composition, as a new interpreter takes it.
- preview: wall-clock time of `pulumi preview` of each stack, beside a program of as many trivial component resources on
  the same engine in the same run. Providers are the rehearsal's own plugins; nothing is made.
- rehearsal: `inferloop rehearse` of the first stack, with ten no-op `up`s in a row; its report has the peak memory.
- growth: `pulumi up` of 250, 500 and 1,000 resources through the AWS plugin, and the time for each resource.

It needs `make setup-all` and, for rehearsals, `make rehearsal-tools`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import yaml

from inferloop.engine import find_engine
from inferloop.project import find_project
from stacks.rehearsal.aws.moto_server import MotoServer
from stacks.rehearsal.plugins.executable import write_plugin

CHECKOUT = Path(__file__).resolve().parents[1]
PARTS = ("import", "preview", "rehearsal", "growth")
STACKS = ("staging-aws", "pilot-aws", "scale-aws", "enterprise-aws", "optimized-aws")
# Issued as goals with the stacks; growth's is that a resource of 1,000 costs no more than 1.25 times one of 250.
MUST_REACH = {"import_s": 1.5, "preview_ratio": 1.5, "rehearsal_s": 90.0, "rehearsal_gb": 1.5, "growth_ratio": 1.25}
TRIVIAL = """import pulumi

for number in range({count}):
    pulumi.ComponentResource("trivial:index:Thing", f"thing-{{number}}").register_outputs({{}})
"""
MANY = """import pulumi
import pulumi_aws as aws

for number in range({count}):
    aws.cloudwatch.LogGroup(f"group-{{number}}", retention_in_days=7)
"""


class Bench:
    """One folder with a backend, our plugins and moto, in which programs are run on the engine."""

    def __init__(self, folder: Path, moto: MotoServer) -> None:
        self.folder = folder
        for name in ("backend", "state"):
            (folder / name).mkdir()
        (folder / "Pulumi.yaml").write_text("name: inferloop\nruntime: python\n")
        write_plugin(folder / "bin", "aws", "stacks.rehearsal.aws")
        write_plugin(folder / "bin", "kubernetes", "stacks.rehearsal.kubernetes")
        engine = Path(find_engine(find_project(CHECKOUT)).pulumi).parent
        path = (folder / "bin", Path(sys.executable).parent, engine, "/usr/bin", "/bin")
        self.environment = {
            "PATH": os.pathsep.join(map(str, path)),
            "HOME": str(folder),
            "PULUMI_HOME": str(folder / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{folder / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": "benchmark",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "INFERLOOP_REHEARSAL_AWS_ENDPOINT": moto.endpoint,
            "INFERLOOP_REHEARSAL_STATE": str(folder / "state"),
            "INFERLOOP_REHEARSAL_SCHEMAS": str(folder / "schemas.jsonl"),
        }

    def program(self, name: str, text: str) -> Path:
        """Write a project of its own and return its folder."""
        folder = self.folder / name
        folder.mkdir()
        runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
        (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": name, "runtime": runtime}))
        (folder / f"Pulumi.{name}.yaml").write_text("config:\n  aws:region: eu-central-1\n")
        (folder / "__main__.py").write_text(text)
        return folder

    def run(self, where: Path, *arguments: str) -> tuple[float, str]:
        """Run the engine; return the seconds that it took and what it printed."""
        started = time.perf_counter()
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color", "never"],
            cwd=where,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            sys.exit(f"error: pulumi {' '.join(arguments)} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
        return time.perf_counter() - started, done.stdout


def import_time() -> dict[str, Any]:
    code = (
        "import time; started = time.process_time(); "
        "from stacks.phases.registry import phase_named; from stacks.settings import settings_class; "
        "phase_named('optimized'); settings_class('aws', 'optimized'); "
        "import components.aws.cluster, components.aws.network, components.aws.postgres; "
        "print(time.process_time() - started)"
    )
    times = [
        float(
            subprocess.run(
                [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True
            ).stdout
        )
        for _ in range(3)
    ]
    return {"import_s": round(min(times), 2)}


def preview_times(bench: Bench, stacks: list[str]) -> dict[str, Any]:
    found = {}
    for stack in stacks:
        copy = bench.folder / f"settings-of-{stack}.yaml"
        copy.write_text((CHECKOUT / "stacks" / "config" / f"Pulumi.{stack}.yaml").read_text())
        # In the checkout it would write the secrets' salt into the tracked file.
        bench.run(bench.folder, "stack", "init", "--stack", stack, "--no-select")
        best, count = float("inf"), 0
        for _ in range(3):
            took, text = bench.run(CHECKOUT, "preview", "--json", "--stack", stack, "--config-file", str(copy))
            best, count = min(best, took), json.loads(text)["changeSummary"]["create"]
        trivial = bench.program(f"trivial-{stack}", TRIVIAL.format(count=count - 1))
        bench.run(trivial, "stack", "init", "--stack", f"trivial-{stack}")
        floor = min(bench.run(trivial, "preview", "--json")[0] for _ in range(3))
        found[stack] = {
            "resources": count,
            "preview_s": round(best, 2),
            "trivial_s": round(floor, 2),
            "ratio": round(best / floor, 2),
        }
    return {"preview": found, "preview_ratio": max(it["ratio"] for it in found.values())}


def rehearsal(stack: str) -> dict[str, Any]:
    command = [Path(sys.executable).with_name("inferloop"), "rehearse", stack, "--repeat-noop", "10", "--json"]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    took = time.perf_counter() - started
    if done.returncode != 0:
        sys.exit(f"error: inferloop rehearse {stack} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    report: Mapping[str, Any] = json.loads(done.stdout)
    no_ops = sum(step["duration_s"] for step in report["steps"] if step["name"].startswith("no-op"))
    return {
        "rehearsed": stack,
        "rehearsal_with_ten_no_ops_s": round(took, 1),
        # One no-op is part of every rehearsal.
        "rehearsal_s": round(took - no_ops * 0.9, 1),
        "rehearsal_gb": round(report["peak_memory_mib"] * 2**20 / 1e9, 2),
    }


def growth(bench: Bench) -> dict[str, Any]:
    each = {}
    for count in (250, 500, 1000):
        name = f"many-{count}"
        folder = bench.program(name, MANY.format(count=count))
        bench.run(folder, "stack", "init", "--stack", name)
        took, _ = bench.run(folder, "up", "--yes", "--skip-preview", "--stack", name)
        each[str(count)] = round(1000 * took / count, 1)
    return {"growth_ms_per_resource": each, "growth_ratio": round(each["1000"] / each["250"], 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the stacks in an account with no account.")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS))
    parser.add_argument("--stack", action="append", choices=STACKS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    stacks = options.stack or list(STACKS)
    result: dict[str, Any] = {"cores": psutil.cpu_count()}
    with tempfile.TemporaryDirectory(prefix="inferloop-benchmark-") as folder, MotoServer() as moto:
        bench = Bench(Path(folder), moto)
        if "import" in options.parts:
            result |= import_time()
        if "preview" in options.parts:
            result |= preview_times(bench, stacks)
        if "growth" in options.parts:
            result |= growth(bench)
    if "rehearsal" in options.parts:
        result |= rehearsal(stacks[0])
    missed = [key for key, limit in MUST_REACH.items() if result.get(key, 0) > limit]
    if options.json:
        print(json.dumps({**result, "must_reach": MUST_REACH, "missed": missed}, indent=2))
    else:
        for key, value in result.items():
            goal = f" (must reach {MUST_REACH[key]})" if key in MUST_REACH else ""
            print(f"{key}: {value}{goal}")
    if missed:
        sys.exit(f"not reached: {', '.join(missed)}")


if __name__ == "__main__":
    main()
