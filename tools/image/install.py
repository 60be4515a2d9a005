"""Install the runtime inside the image being built; runs there, with the base image's own Python.

Makes the environment /opt/inferloop from wheels alone, the user 10001 and its folder. It needs neither a network, nor
pip in the base image (pip's wheel is a program), nor any command but Python.
"""

import argparse
import os
import subprocess
import sys
import venv
from pathlib import Path

ENVIRONMENT = Path("/opt/inferloop")
HOME = Path("/var/lib/inferloop")
USER_ID = 10001


def add_user() -> None:
    """Name user 10001 `inferloop`: some libraries ask for the name of the user that they run as."""
    for path, line in (
        (Path("/etc/passwd"), f"inferloop:x:{USER_ID}:{USER_ID}::{HOME}:/usr/sbin/nologin\n"),
        (Path("/etc/group"), f"inferloop:x:{USER_ID}:\n"),
    ):
        text = path.read_text() if path.exists() else ""
        if "inferloop:" not in text:
            path.write_text(text + line)
    HOME.mkdir(parents=True, exist_ok=True)
    os.chown(HOME, USER_ID, USER_ID)
    Path("/tmp").mkdir(exist_ok=True)  # noqa: S108
    Path("/tmp").chmod(0o1777)  # noqa: S108


def main() -> None:
    """Install, or exit with the reason."""
    parser = argparse.ArgumentParser(description="Install the runtime inside the image being built.")
    parser.add_argument("--wheels", type=Path, required=True)
    parser.add_argument("--extras", default="")
    arguments = parser.parse_args()
    pips = sorted(arguments.wheels.glob("pip-*.whl"))
    if not pips:
        sys.exit(f"no pip wheel in {arguments.wheels}: make the folder with `python tools/image wheels`")
    add_user()
    venv.create(ENVIRONMENT, symlinks=True, with_pip=False)
    python = ENVIRONMENT / "bin" / "python"
    requirement = f"inferloop-runtime[{arguments.extras}]" if arguments.extras else "inferloop-runtime"
    command = [python, pips[-1] / "pip", "install", "--quiet", "--no-index", "--find-links", arguments.wheels]
    subprocess.run([*command, "--no-cache-dir", "--disable-pip-version-check", requirement], check=True)


if __name__ == "__main__":
    main()
