"""What settings mean: the docstrings of their attributes, read from the sources where somebody asks for them.

pydantic can read them while it makes each class (`use_attribute_docstrings`), which took two fifths of the time in
which the settings are imported; and the program of a stack needs none.
"""

import ast
import functools
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from stacks.settings.structure import Model, alternatives, element_of, is_model


def described(model: Model) -> Model:
    """Give each setting of a model, and of the sections in it, its description, and return the model."""
    _describe(model)
    return model


@functools.cache
def _describe(model: Model) -> None:
    for field in model.model_fields.values():
        for section in _sections(field.annotation):
            _describe(section)
    for kind in filter(is_model, reversed(model.__mro__)):
        for name, text in _docstrings(kind).items():
            if name in model.model_fields:
                model.model_fields[name].description = text
    # Its JSON Schema is made of what was known of its fields when it was built.
    model.model_rebuild(force=True)


def _sections(annotation: object) -> Iterator[Model]:
    for kind in alternatives(annotation):
        if is_model(kind):
            yield kind
        elif (element := element_of(kind)) is not None:
            yield from _sections(element)


def _docstrings(model: Model) -> dict[str, str]:
    file = getattr(sys.modules[model.__module__], "__file__", None)
    found = _classes(Path(file)).get(model.__qualname__) if file else None
    return {} if found is None else dict(_documented(found))


@functools.cache
def _classes(file: Path) -> dict[str, ast.ClassDef]:
    return dict(_classes_in(ast.parse(file.read_bytes()), ""))


def _classes_in(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.ClassDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield f"{prefix}{child.name}", child
            yield from _classes_in(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _classes_in(child, f"{prefix}{child.name}.<locals>.")
        else:
            yield from _classes_in(child, prefix)


def _documented(found: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for statement, following in zip(found.body, found.body[1:], strict=False):
        match statement, following:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str() as text)),
            ):
                yield name, inspect.cleandoc(text)
