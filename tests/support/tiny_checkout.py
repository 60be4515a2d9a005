"""A checkout that is set up within seconds: the real set-up, with tiny packages and a script for an engine."""

import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.package_index import Site, write_wheel
from tools.bootstrap.context import Context
from tools.bootstrap.layout import layout_of
from tools.bootstrap.progress import Progress
from tools.bootstrap.uv import find_uv
from tools.bootstrap.versions import read_pins

REPOSITORY = Path(__file__).parents[2]
ENGINE_VERSION = "3.259.0"

_HOST = """#!/usr/bin/env python3
print(12345, flush=True)
signal.pause()
"""


def write_program(path: Path, text: str) -> Path:
    """Write an executable script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return path


def write_engine(folder: Path, version: str = ENGINE_VERSION) -> Path:
    """Write what set-up takes for an engine: it tells its version, and its host prints a port.

    Like the real one it leaves a log in its home folder, whatever it is asked.
    """
    logs = '"${PULUMI_HOME:-$HOME/.pulumi}/logs"'
    write_program(folder / "pulumi", f"#!/bin/sh\nmkdir -p {logs}\necho v{version}\n")
    write_program(folder / "pulumi-language-python", _HOST)
    write_program(folder / "pulumi-language-python-exec", "#!/bin/sh\n")
    write_program(folder / "pulumi-resource-pulumi-python", "#!/bin/sh\n")
    return folder


@dataclass
class TinyCheckout:
    """A checkout with a home of its own, whose packages come from `site`."""

    root: Path
    home: Path
    site: Site
    search_path: str
    python: str = sys.executable
    user: int | None = None

    def environ(self, **changes: str) -> dict[str, str]:
        """Give the variables of a run: no proxies, no caches and no settings but this checkout's own."""
        # What measures the coverage of the programs that tests start.
        measuring = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        return {
            **measuring,
            "HOME": str(self.home),
            "PATH": self.search_path,
            "LANG": "C.UTF-8",
            "PIP_INDEX_URL": f"{self.site.url}/simple",
            "PIP_CONFIG_FILE": os.devnull,
            **changes,
        }

    def context(self, **changes: str) -> Context:
        """Give what set-up's steps take, for tests of one step in this process."""
        environ = self.environ(**changes)
        layout = layout_of(self.root, environ)
        return Context(layout, read_pins(layout.pins), Progress(), environ)

    def start(self, *arguments: str, **changes: str) -> subprocess.Popen[str]:
        """Start the set-up as a newcomer's `make` does."""
        return subprocess.Popen(
            [self.python, "tools/bootstrap", *arguments],
            cwd=self.root,
            user=self.user,
            env=self.environ(**changes),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, timeout_s: float = 120, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run the set-up to its end."""
        with self.start(*arguments, **changes) as process:
            try:
                out, err = process.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def pin(self, key: str, value: str) -> None:
        """Change one quoted value of versions.toml."""
        path = self.root / "tools" / "versions.toml"
        lines = path.read_text().splitlines(keepends=True)
        assert any(line.startswith(f"{key} = ") for line in lines), f"versions.toml pins no {key}"
        path.write_text("".join(f'{key} = "{value}"\n' if line.startswith(f"{key} = ") else line for line in lines))


def make_checkout(folder: Path, site: Site) -> TinyCheckout:
    """Make a checkout whose project asks for three tiny packages: pip, pulumi and torch."""
    root, home = folder / "checkout", folder / "home"
    home.mkdir(parents=True)
    shutil.copytree(
        REPOSITORY / "tools", root / "tools", ignore=shutil.ignore_patterns("__pycache__", "docs"), dirs_exist_ok=True
    )
    wheels = folder / "wheels"
    pip_main = "print('pip 99 from here')\n"
    site.publish(write_wheel(wheels, "pip", "99.0", files={"pip/__init__.py": "", "pip/__main__.py": pip_main}))
    site.publish(write_wheel(wheels, "pulumi", ENGINE_VERSION, files={"pulumi/__init__.py": ""}))
    site.publish(write_wheel(wheels, "torch", "2.0.0", files={"torch/__init__.py": "", "torch/cuda.py": ""}))
    site.publish(write_wheel(wheels, "nvidia-toy", "1.0", files={"nvidia_toy.py": ""}))
    site.publish(write_wheel(wheels, "cloud-toy", "1.0", files={"cloud_toy.py": ""}))
    site.publish(
        write_wheel(wheels, "inferloop-script", "1.0", files={}, scripts={"inferloop": "#!python\nprint('up')\n"})
    )
    (root / "runtime").mkdir(parents=True)
    (root / "runtime" / "pyproject.toml").write_text("")
    (root / "pyproject.toml").write_text(
        '[project]\nname = "tiny"\nversion = "1"\nrequires-python = ">=3.11"\n'
        'dependencies = ["pip", "pulumi", "torch", "nvidia-toy", "inferloop-script"]\n'
        '[project.optional-dependencies]\ncloud = ["cloud-toy"]\n'
        f'[[tool.uv.index]]\nurl = "{site.url}/simple"\ndefault = true\n'
    )
    checkout = TinyCheckout(root, home, site, _search_path(folder / "programs"))
    subprocess.run([_uv(), "lock", "--quiet"], cwd=root, env=checkout.environ(), check=True)
    checkout.pin("cpu_index", f"{site.url}/cpu")
    checkout.pin("download", f"{site.url}/releases")
    site.asked.clear()
    return checkout


def _uv() -> Path:
    layout = layout_of(REPOSITORY)
    found = find_uv(Context(layout, read_pins(layout.pins), Progress()))
    assert found is not None, "set-up provides uv: run `python3 tools/bootstrap`"
    return found.path


def _search_path(programs: Path) -> str:
    # The user's uv, and the system's programs; never this machine's Go or Pulumi.
    programs.mkdir()
    shutil.copy(_uv(), programs / "uv")
    return os.pathsep.join([str(programs), "/usr/bin", "/bin"])
