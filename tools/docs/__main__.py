"""`python tools/docs generate | check`: write the generated pages, or fail where they are not what the code says."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Run as a folder, Python puts the folder itself on the path, where its modules would hide others of the same names.
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != HERE]
sys.path.insert(0, str(HERE.parents[1]))

from tools.docs.pages import ROOT, differing, write  # noqa: E402 - found only through the path above


def main() -> None:
    """Run one command; `check` exits 1 and names every page that differs."""
    command = sys.argv[1] if len(sys.argv) == 2 else ""
    if command == "generate":
        for path in write():
            print(f"wrote {path.relative_to(ROOT)}")
    elif command == "check":
        wrong = differing()
        for path in wrong:
            print(f"{path.relative_to(ROOT)} is not what the code says", file=sys.stderr)
        if wrong:
            sys.exit("error: run `python tools/docs generate` and commit what it wrote")
    else:
        sys.exit("usage: python tools/docs generate | check")


if __name__ == "__main__":
    main()
