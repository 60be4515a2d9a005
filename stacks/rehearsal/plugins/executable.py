"""Write the executables by which the engine finds our plugins."""

import os
import shlex
import sys
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[3]


def write_plugin(folder: Path, name: str, module: str) -> Path:
    """Write `pulumi-resource-NAME`, which runs `python -m MODULE` with this interpreter, and return its path.

    The engine takes it from PATH before any downloaded plugin. It replaces itself by the interpreter, so that the
    engine's signals reach the plugin.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"pulumi-resource-{name}"
    script = (
        "#!/bin/sh\n"
        f"PYTHONPATH={shlex.quote(str(_CHECKOUT))}${{PYTHONPATH:+:$PYTHONPATH}}\n"
        "export PYTHONPATH\n"
        f'exec {shlex.quote(sys.executable)} -m {shlex.quote(module)} "$@"\n'
    )
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(script, encoding="utf-8")
    temporary.chmod(0o755)
    temporary.replace(path)
    return path
