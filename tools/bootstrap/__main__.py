"""Run the set-up: `python3 tools/bootstrap [doctor [--json]]`.

Written so that Python 2.7 and 3.6 can still read it, to be able to say that they are too old.
"""

import sys

# The bounds of pyproject.toml's requires-python, which Python before 3.11 has no reader for.
FIRST, LAST = (3, 11), (3, 14)

if not FIRST <= sys.version_info[:2] <= LAST:
    sys.exit(
        "error: Python %d.%d to %d.%d is needed, found %s (%s)\n"  # noqa: UP031
        "  mend: install Python 3.12 with pip (Debian, Ubuntu: apt-get install python3.12 python3-pip;"
        " Fedora: dnf install python3.12), or name one that is here: PYTHON=python3.12 make up"
        % (FIRST + LAST + (".".join(str(part) for part in sys.version_info[:3]), sys.executable))
    )

from pathlib import Path  # noqa: E402 - Python 2.7 has none

HERE = Path(__file__).resolve().parent
# Run as a folder, Python puts the folder itself on the path, where its modules would hide others of the same names.
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != HERE]
sys.path.insert(0, str(HERE.parents[1]))

from tools.bootstrap.cli import main  # noqa: E402 - found only through the path above

if __name__ == "__main__":
    sys.exit(main())
