"""Measure set-up in a fresh clone: cold (nothing cached), cached (a second checkout of the same user) and warm.

    python benchmarks/setup_time.py [--skip-cold] [--json FILE]

Each run has a home and a cache folder of its own in a temporary folder, and a PATH without Pulumi, Go and uv unless
--keep-path is given. "ours" is what is left of the cold time when the engine's build and the package downloads, which
run side by side, are taken away: the longer of the two counts.
"""

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
_LINE = re.compile(r"^\s*(\d+):(\d\d)  (\S+)\s+(.*)$")
# The budget on two cores, in seconds.
BUDGET_S = {"cold": 720.0, "warm": 20.0}


def clone(folder: Path) -> Path:
    """Copy what git would clone from the working tree, uncommitted files too."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (REPOSITORY / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name, follow_symlinks=False)
    return folder


def set_up(checkout: Path, home: Path, *, search_path: str) -> dict[str, Any]:
    """Run set-up once; its seconds, its steps with their ends, and what it said last when it failed."""
    environ = {"HOME": str(home), "PATH": search_path, "LANG": "C.UTF-8"}
    passed = {name: value for name, value in os.environ.items() if name.endswith(("_PROXY", "_proxy", "_CERT_FILE"))}
    started = time.monotonic()
    with subprocess.Popen(
        ["make", "--no-print-directory", "setup"], cwd=checkout, env=environ | passed, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        ends: dict[str, int] = {}
        for line in process.stderr:
            sys.stderr.write(line)
            if found := _LINE.match(line):
                ends[found[3]] = int(found[1]) * 60 + int(found[2])
    if process.returncode != 0:
        sys.exit(f"set-up failed with status {process.returncode}")
    return {"seconds": round(time.monotonic() - started, 1), "ends_s": ends}


def size_mib(folder: Path) -> int:
    """Give the disk that a folder takes, hard links counted once."""
    return int(subprocess.run(["du", "-sm", folder], capture_output=True, text=True, check=True).stdout.split()[0])


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure set-up cold, cached and warm.")
    parser.add_argument("--skip-cold", action="store_true", help="use this user's caches instead of empty ones")
    parser.add_argument("--keep-path", action="store_true", help="keep PATH as it is, with its Go, uv and Pulumi")
    parser.add_argument("--json", type=Path, help="also write the result there")
    options = parser.parse_args()
    search_path = os.environ["PATH"] if options.keep_path else f"{Path(sys.base_prefix) / 'bin'}:/usr/bin:/bin"
    base = Path(tempfile.mkdtemp(prefix="inferloop-setup-time-"))
    try:
        home = Path.home() if options.skip_cold else base / "home"
        home.mkdir(exist_ok=True)
        result: dict[str, Any] = {"cores": os.cpu_count()}
        checkout = clone(base / "first")
        first = "cached" if options.skip_cold else "cold"
        result[first] = set_up(checkout, home, search_path=search_path)
        if not options.skip_cold:
            longest = max(result["cold"]["ends_s"].get(step, 0) for step in ("engine", "environment"))
            result["cold"]["ours_s"] = round(result["cold"]["seconds"] - longest, 1)
            result["cached"] = set_up(clone(base / "second"), home, search_path=search_path)
            result["cache_mib"] = size_mib(home / ".cache")
        result["warm"] = set_up(checkout, home, search_path=search_path)
        result["checkout_mib"] = size_mib(checkout)
        result["largest_process_mib"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        result["within_budget"] = {
            name: result[name]["seconds"] <= limit for name, limit in BUDGET_S.items() if name in result
        }
    finally:
        shutil.rmtree(base, ignore_errors=True)
    text = json.dumps(result, indent=2)
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
