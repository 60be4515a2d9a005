"""Serve the policy pack, as the engine asks for it by this folder or by `pulumi-analyzer-inferloop`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Run as a folder, Python puts the folder itself on the path, where its modules would hide others of the same names.
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != HERE]
sys.path.insert(0, str(HERE.parents[1]))

from stacks.policies.pack import serve  # noqa: E402 - found only through the path above

if __name__ == "__main__":
    serve()
