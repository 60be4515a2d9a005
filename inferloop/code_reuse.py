"""How much of the component library several workloads share, measured on the code that each of them imports."""

import ast
import io
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from components.errors import InferloopError

ROOT_PACKAGE = "components"
WORKLOADS_PACKAGE = f"{ROOT_PACKAGE}.workloads"
TENANTS = ("textnlp", "tabular")
GOAL = 0.7

_NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


@dataclass(frozen=True)
class CodeReuse:
    """Lines of code of every module of the library that a workload reaches by imports, by workload and module.

    Lines that are blank, comments or documentation alone do not count.
    """

    lines: dict[str, dict[str, int]]

    @cached_property
    def all_modules(self) -> dict[str, int]:
        """Return the modules that any workload uses."""
        return {module: count for modules in self.lines.values() for module, count in modules.items()}

    @cached_property
    def shared_modules(self) -> dict[str, int]:
        """Return the modules that every workload uses."""
        in_all = set.intersection(*(set(modules) for modules in self.lines.values()))
        return {module: count for module, count in self.all_modules.items() if module in in_all}

    @property
    def share(self) -> float:
        """Return the part of all lines used that every workload uses, from 0 to 1."""
        return sum(self.shared_modules.values()) / sum(self.all_modules.values())

    def document(self) -> dict[str, Any]:
        """Return the measurement as JSON values."""
        shared = set(self.shared_modules)
        return {
            "share": round(self.share, 4),
            "goal": GOAL,
            "goal_met": self.share >= GOAL,
            "shared_lines": sum(self.shared_modules.values()),
            "all_lines": sum(self.all_modules.values()),
            "workloads": {
                name: {
                    "lines": sum(modules.values()),
                    "own_lines": sum(count for module, count in modules.items() if module not in shared),
                    "own_modules": sorted(set(modules) - shared),
                }
                for name, modules in self.lines.items()
            },
            "shared_modules": dict(sorted(self.shared_modules.items())),
        }


def measure(workloads: Sequence[str], library: Path) -> CodeReuse:
    """Follow the imports of each workload through `library`, the folder of the package `components`.

    Nothing is imported, so that no cloud's SDK is needed. Raises InferloopError for a workload that is not there.
    """
    return CodeReuse(lines={name: _reached(name, library) for name in workloads})


def _reached(workload: str, library: Path) -> dict[str, int]:
    start = f"{WORKLOADS_PACKAGE}.{workload}"
    if _file_of(start, library) is None:
        known = sorted(path.stem for path in (library / "workloads").glob("[!_]*.py"))
        raise InferloopError(
            f"there is no workload {workload!r} in {library / 'workloads'}; there are {', '.join(known)}"
        )
    counted: dict[str, int] = {}
    waiting = [start]
    while waiting:
        module = waiting.pop()
        file = _file_of(module, library)
        if file is None or module in counted:
            continue
        source = file.read_text(encoding="utf-8")
        counted[module] = _code_lines(source)
        waiting += _imports(source)
    return counted


def _file_of(module: str, library: Path) -> Path | None:
    path = library.joinpath(*module.split(".")[1:])
    candidates = (path / "__init__.py", path.with_suffix(".py"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _imports(source: str) -> Iterator[str]:
    """Yield every name that may be a module of the library; the tree imports by absolute names alone."""
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if name == ROOT_PACKAGE or name.startswith(f"{ROOT_PACKAGE}."))


def _code_lines(source: str) -> int:
    documentation = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    code = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in _NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(code - documentation)
