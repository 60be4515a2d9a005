"""The reference of errors and exit codes, from the three error trees."""

import importlib
import inspect

from tools.docs.markdown import NOTICE, code, paragraph, table

TREES = {
    "inferloop-runtime": ("inferloop_runtime.errors",),
    "inferloop and the Pulumi program": ("components.errors", "inferloop.errors"),
}


def _rows(module_names: tuple[str, ...]) -> list[tuple[str, str, str, str]]:
    rows = []
    for module_name in module_names:
        module = importlib.import_module(module_name)
        for name, kind in vars(module).items():
            own = inspect.isclass(kind) and issubclass(kind, Exception) and kind.__module__ == module_name
            if own:
                rows.append((code(name), str(kind.exit_code), code(kind.__base__.__name__), paragraph(kind.__doc__)))
    return rows


def render() -> str:
    """Give the page `reference/errors.md`."""
    parts = [NOTICE.format(source="the error trees"), "# Errors and exit codes\n"]
    parts.append(
        "An expected failure is a message on standard error that begins with `error:`. It says what happened, which "
        "file or key it concerns, and what mends it. `--debug` shows the traceback. Codes that are not in the tables: "
        "0 is success, 2 is a wrong command line, 70 is a fault in `inferloop` itself, 130 is an interruption by "
        "Ctrl-C.\n"
    )
    for program, modules in TREES.items():
        parts.append(f"## {program}\n")
        parts.append(table(("error", "exit code", "is a", "meaning"), _rows(modules)))
    return "\n".join(parts)
