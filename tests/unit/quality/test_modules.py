"""The shape of the source: small modules with names of the field, nothing left half done."""

import ast
import re
from pathlib import Path

import pytest

from tests.support.tracked_files import ROOT, tracked_files

PACKAGES = ("airgap", "components", "inferloop", "runtime", "stacks", "tools")
MODULES = [path for path in tracked_files() if path.suffix == ".py"]
SHIPPED = [path for path in MODULES if path.relative_to(ROOT).parts[0] in PACKAGES]
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "misc", "common", "stuff", "functions", "tools"}
UNFINISHED = re.compile(r"#\s*(TODO|FIXME|XXX|HACK)\b")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_has_fewer_than_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 400


@pytest.mark.parametrize("path", SHIPPED, ids=_name)
def test_a_module_is_named_for_what_it_holds(path: Path) -> None:
    parts = (*path.relative_to(ROOT).parent.parts[1:], path.stem)
    assert not VAGUE_NAMES & set(parts)


@pytest.mark.parametrize("path", SHIPPED, ids=_name)
def test_a_shipped_module_has_no_unfinished_part(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if UNFINISHED.search(line)] == []
    # A method may raise it for subclasses to replace; a function has none.
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [node.name for node in functions if "raise NotImplementedError" in ast.unparse(node)] == []
