"""Every command that the documents show exists, with the options that they show."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from tools.docs.command_reference import PROGRAMS

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = [
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "reference"),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "runtime/README.md")),
]
CODE = re.compile(r"```\w*\n(.*?)```|^ {4,}(\S.*?)$|`([^`\n]+)`", re.S | re.M)
# Understood by every command, before Typer sees them.
GLOBAL = {"--help", "--debug", "--quiet"}


def _commands(text: str, program: str) -> list[list[str]]:
    snippets = (next(filter(None, groups)) for groups in CODE.findall(text))
    lines = (line for snippet in snippets for line in snippet.splitlines())
    uses = (use for line in lines for use in re.findall(rf"(?:^|[\s$(`]){program} ([^|;&)#`\\]+)", line))
    return [use.split() for use in uses]


def _application(program: str) -> Any:
    module, _, attribute = PROGRAMS[program].partition(":")
    return typer.main.get_command(getattr(importlib.import_module(module), attribute))


def _problem(command: Any, words: list[str]) -> str | None:
    while (children := getattr(command, "commands", None)) is not None and words:
        if words[0].startswith("-"):
            return None
        if words[0] not in children:
            return f"no command {words[0]!r}"
        command, words = children[words[0]], words[1:]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | GLOBAL
    unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in options]
    return f"{command.name} has no {', '.join(unknown)}" if unknown else None


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_documented_command_exists(document: Path, program: str) -> None:
    application = _application(program)
    uses = _commands(document.read_text(encoding="utf-8"), program)
    problems = [
        f"{program} {' '.join(words)}: {problem}" for words in uses if (problem := _problem(application, words))
    ]
    assert problems == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_documented_make_target_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    used = {words[0] for words in _commands(document.read_text(encoding="utf-8"), "make")}
    assert used <= targets


def test_commands_are_found_in_prose_blocks_and_substitutions() -> None:
    text = "Run `inferloop up`.\n\n```text\nexport X=$(inferloop key --admin)\ninferloop status | cat\n```\n"
    assert _commands(text, "inferloop") == [["up"], ["key", "--admin"], ["status"]]


def test_a_command_that_is_not_there_is_found() -> None:
    assert _problem(_application("inferloop"), ["fly"]) == "no command 'fly'"
    assert _problem(_application("inferloop"), ["down", "--hard"]) == "down has no --hard"
