"""The reference of both command lines, from their Typer applications."""

import enum
import importlib
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from tools.docs.markdown import NOTICE, code, paragraph, table

# Program → where its Typer application is.
PROGRAMS = {"inferloop": "inferloop.main:app", "inferloop-runtime": "inferloop_runtime.main:app"}
_COMPLETION = {"install_completion", "show_completion", "help"}
_SPECIALS = {bool: "flag", int: "integer", float: "number", str: "text", Path: "path"}


def _type_name(annotation: Any) -> str:
    if typing.get_origin(annotation) is typing.Literal:
        return " | ".join(str(value) for value in typing.get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return " | ".join(str(member.value) for member in annotation)
    if typing.get_origin(annotation) in (list, tuple, typing.Union, types.UnionType):
        return _type_name(next(part for part in typing.get_args(annotation) if part is not type(None)))
    return _SPECIALS.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _default(parameter: Any) -> str:
    value = parameter.default
    if parameter.required:
        return "required"
    if value is None or value == [] or callable(value) or (isinstance(value, bool) and not parameter.secondary_opts):
        return ""
    if isinstance(value, bool):
        return code((parameter.opts if value else parameter.secondary_opts)[0])
    return code(value.value if isinstance(value, enum.Enum) else value)


def _rows(parameters: list[Any]) -> Iterator[tuple[str, str, str, str]]:
    for parameter in parameters:
        if parameter.name in _COMPLETION or parameter.hidden:
            continue
        is_argument = not parameter.opts[0].startswith("-")
        names = [parameter.name.upper()] if is_argument else [*parameter.opts, *parameter.secondary_opts]
        kind = _type_name(parameter.type_descriptor.annotation)
        repeated = ", repeatable" if parameter.multiple or parameter.nargs == -1 else ""
        environment = f" Environment: `{parameter.envvar}`." if parameter.envvar else ""
        meaning = f"{paragraph(parameter.help)}{environment}".strip()
        yield " ".join(map(code, names)), f"{kind}{repeated}", _default(parameter), meaning


def _usage(path: str, command: Any) -> str:
    pieces = [path]
    for parameter in command.params:
        if not parameter.opts[0].startswith("-"):
            name = parameter.name.upper() + ("..." if parameter.nargs == -1 else "")
            pieces.append(name if parameter.required else f"[{name}]")
        elif parameter.required:
            pieces.append(f"{parameter.opts[0]} {parameter.name.upper()}")
    if any(row[0].startswith("`-") and row[2] != "required" for row in _rows(command.params)):
        pieces.append("[OPTIONS]")
    return " ".join(pieces)


def _describe(path: str, command: Any) -> Iterator[str]:
    children = getattr(command, "commands", None)
    if children is None:
        yield f"### {path}\n\n```text\n{_usage(path, command)}\n```\n\n{paragraph(command.help)}\n"
        rows = table(("parameter", "type", "default", "meaning"), _rows(command.params))
        if rows:
            yield rows
        return
    for name in sorted(children):
        if not children[name].hidden:
            yield from _describe(f"{path} {name}", children[name])


def render() -> str:
    """Give the page `reference/cli.md`."""
    parts = [NOTICE.format(source="the command lines"), "# Command lines\n"]
    parts.append(
        "`inferloop` works on stacks. `inferloop-runtime` is what runs in the image, and what the stack `dev` runs on "
        "your machine. Every command takes `--help`; `--debug` shows the traceback of a failure.\n"
    )
    for program, place in PROGRAMS.items():
        module, _, attribute = place.partition(":")
        command = typer.main.get_command(getattr(importlib.import_module(module), attribute))
        parts += [f"## {program}\n\n{paragraph(command.help)}\n", *_describe(program, command)]
    return "\n".join(parts)
