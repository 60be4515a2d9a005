"""Check a stack's settings where they stand: every problem with its file, line and column, and no engine."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.errors import PreflightError
from inferloop.project import Project
from inferloop.stack_config import look_at_document
from inferloop.stack_document import ENCRYPTED, Mark, StackDocument, engine_text
from stacks.phases.registry import phase_named
from stacks.settings.checkout import PROJECT
from stacks.settings.declaration import sections_as_text
from stacks.settings.encoding import decode
from stacks.settings.judgement import judge
from stacks.settings.members import member_of
from stacks.settings.problem import NOT_SHOWN, Problem, SettingPath
from stacks.settings.stack import StackSettings

_KEY = re.compile(rf"^{PROJECT}:(?P<key>[\w-]+(?:\.[\w-]+|\[\d+\])*): ")


@dataclass(frozen=True)
class Finding:
    """One problem of a stack configuration and its place; `problem` is None where the file itself is wrong."""

    file: Path
    mark: Mark
    key: str
    sentence: str
    problem: Problem | None = None

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        return f"{self.file}:{self.mark}: {key}{self.sentence}"

    def as_mapping(self) -> dict[str, Any]:
        """Return the finding for programs."""
        mapping: dict[str, Any] = {
            "file": str(self.file),
            "line": self.mark.line,
            "column": self.mark.column,
            "key": self.key,
            "problem": self.sentence,
        }
        if self.problem is None:
            return {**mapping, "kind": "file"}
        mapping["kind"] = self.problem.kind
        if self.problem.given is not NOT_SHOWN:
            mapping["given"] = self.problem.given
        if self.problem.allowed:
            mapping["allowed"] = list(self.problem.allowed)
        if self.problem.nearest:
            mapping["nearest"] = self.problem.nearest
        return mapping


@dataclass(frozen=True)
class Check:
    """What a check found: findings in the order of the file, or none, and then the settings.

    `settings` is None too where an encrypted value, which only the engine can read, keeps them from being whole;
    `encrypted` names such keys.
    """

    file: Path
    findings: tuple[Finding, ...]
    settings: StackSettings | None = None
    encrypted: tuple[str, ...] = ()


def check_settings(project: Project, stack: str, source: Path | None = None) -> Check:
    """Check a stack's settings, and what its phase can tell of them without an engine.

    Raises ProjectError where there is no such configuration, or it cannot be read.
    """
    file = source or project.tracked_config(stack)
    document = look_at_document(project, stack, source)
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    findings = [Finding(shown, flaw.mark, flaw.key, flaw.what) for flaw in document.flaws]
    settings: StackSettings | None = None
    if document.is_readable:
        settings, problems = _judged(document)
        findings += [_located(problem, document, shown) for problem in problems]
        if settings is not None:
            findings += [_located(problem, document, shown) for problem in _preflight(settings)]
    findings.sort(key=lambda finding: finding.mark)
    return Check(
        shown,
        tuple(findings),
        None if findings else settings,
        tuple(map(str, dict.fromkeys(path[0] for path in document.encrypted))),
    )


def _judged(document: StackDocument) -> tuple[StackSettings | None, list[Problem]]:
    values = {
        key: value if isinstance(value, dict | list) else decode(engine_text(value))
        for key, value in document.settings.items()
    }
    member, _ = member_of(values)
    as_text = list(sections_as_text(document.settings, member)) if member is not None else []
    judged = judge(values)
    if isinstance(judged, StackSettings):
        return judged, as_text
    return None, [*as_text, *(problem for problem in judged if not _is_about_encrypted(problem, document))]


def _is_about_encrypted(problem: Problem, document: StackDocument) -> bool:
    if problem.kind == "unknown_key":
        return False
    if problem.path in (("cloud",), ("phase",)):
        return False
    return any(problem.path[: len(path)] == path for path in document.encrypted) or ENCRYPTED in problem.what


def _located(problem: Problem, document: StackDocument, file: Path) -> Finding:
    is_about_key = problem.kind in ("unknown_key", "wrong_key")
    mark = document.mark_of(problem.subject or problem.path, of_key=is_about_key)
    sentence = problem.sentence
    source = document.source_of(problem.path)
    if problem.given is not NOT_SHOWN and source not in (None, "", str(problem.given)) and "quotes" not in sentence:
        sentence += f"; without quotes {source} is read as that"
    return Finding(file, mark, problem.key, sentence, problem)


def _preflight(settings: StackSettings) -> Iterator[Problem]:
    try:
        phase_named(settings.phase).preflight(settings)
    except PreflightError as error:
        for text in re.split(r"\n\s*- ", str(error)):
            named = _KEY.match(text)
            if named is not None:
                yield Problem(_path_of(named["key"]), text[named.end() :], kind="contradiction")
            elif not text.endswith(":"):
                yield Problem((), text, kind="contradiction")


def _path_of(key: str) -> SettingPath:
    return tuple(int(part) if part.isdigit() else part for part in re.findall(r"[\w-]+", key))
