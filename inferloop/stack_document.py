"""A stack configuration file as the engine reads it, with the line and column of everything in it."""

import datetime
import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from components.suggestion import did_you_mean, nearest_of
from inferloop.project import PROJECT

# Stands for a value that only the engine can read; it is no value that a setting may have.
ENCRYPTED = "[secret]"

# https://www.pulumi.com/docs/iac/concepts/projects/stack-settings-file/
STACK_FILE_KEYS = ("config", "encryptionsalt", "encryptedkey", "secretsprovider", "environment")

_Path = tuple[str | int, ...]
_INTEGER = r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]*|[1-9][0-9_]*)"
_FLOAT = r"[-+]?(?:(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)"
_TIMESTAMP = r"\d{4}-\d\d?-\d\d?(?:(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::?\d\d)?))?)?"
_SCALARS = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (_INTEGER, "-+0123456789"),
    "float": (_FLOAT, "-+.0123456789"),
    "timestamp": (_TIMESTAMP, "0123456789"),
    "null": (r"~|null|Null|NULL|", "~nN\0"),
    "merge": (r"<<", "<"),
}


@dataclass(frozen=True, order=True)
class Mark:
    """A place in a file; line and column count from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


@dataclass(frozen=True)
class Flaw:
    """Something wrong with the file itself: its syntax, a key given twice, a key in the wrong place."""

    mark: Mark
    key: str
    what: str


class _EngineLoader(yaml.SafeLoader):
    """Resolves plain scalars as the engine's own reader does: `yes` and `off` are text, `1:30` is no number."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own attribute


class _EngineDumper(yaml.SafeDumper):
    """Quotes text that either reader would take for something else."""


for _tag, (_pattern, _first) in _SCALARS.items():
    for _class in (_EngineLoader, _EngineDumper):
        _class.add_implicit_resolver(
            f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), ["" if it == "\0" else it for it in _first]
        )


def _time_as_text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    moment = loader.construct_yaml_timestamp(node)
    if isinstance(moment, datetime.datetime):
        return f"{moment:%Y-%m-%d %H:%M:%S} +0000 UTC"
    return f"{moment:%Y-%m-%d} 00:00:00 +0000 UTC"


_EngineLoader.add_constructor("tag:yaml.org,2002:timestamp", _time_as_text)


@dataclass(frozen=True)
class StackDocument:
    """One stack configuration file.

    `content` is the whole of it, and empty where the syntax is wrong. `settings` are Inferloop's own, under their names
    without the project's; an encrypted value is ENCRYPTED, and `encrypted` holds the paths of those.
    """

    content: dict[str, Any]
    settings: dict[str, Any]
    encrypted: tuple[_Path, ...] = ()
    flaws: tuple[Flaw, ...] = ()
    is_readable: bool = True
    _config_key: yaml.Node | None = field(default=None, repr=False)
    _config: yaml.Node | None = field(default=None, repr=False)

    def mark_of(self, path: _Path, *, of_key: bool = False) -> Mark:
        """Return where a setting stands: a single value itself, and the key of a section or, by `of_key`, of any.

        For a setting that is absent it is the key of the section that it belongs to.
        """
        node: yaml.Node | None = self._config
        place = self._config_key
        for part in path:
            found = _child(node, part, at_top=node is self._config)
            if found is None:
                break
            key, node = found
            place = key if of_key or not isinstance(node, yaml.ScalarNode) else node
        return _mark(place) if place is not None else Mark(1, 1)

    def source_of(self, path: _Path) -> str | None:
        """Return the characters of a single value that stands without quotes; None for anything else."""
        node: yaml.Node | None = self._config
        for part in path:
            found = _child(node, part, at_top=node is self._config)
            if found is None:
                return None
            node = found[1]
        return node.value if isinstance(node, yaml.ScalarNode) and node.style is None else None

    def texts(self) -> dict[str, str]:
        """Return the settings as the engine hands them over, without those that hold an encrypted value."""
        hidden = {path[0] for path in self.encrypted}
        return {key: engine_text(value) for key, value in self.settings.items() if key not in hidden}


def parse_document(text: str) -> StackDocument:
    """Read a stack configuration; everything that is wrong with the file itself is in `flaws`, nothing is raised."""
    try:
        node, flaws, content = _loaded(text)
    except yaml.MarkedYAMLError as error:
        return _unreadable(_syntax_flaw(error, text))
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        mark = Mark(before.count("\n") + 1, len(before) - before.rfind("\n"))
        return _unreadable(Flaw(mark, "", f"is no YAML: the character U+{error.character:04X} must not stand in it"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return _unreadable(Flaw(Mark(1, 1), "", f"is no YAML: {error}"))
    if content is None:
        content = {}
    if not isinstance(content, dict) or not isinstance(content.get("config") or {}, dict):
        return _unreadable(Flaw(Mark(1, 1), "config", "must be a mapping, in a mapping"))
    config_key, config = _child(node, "config") or (None, None)
    flaws += _misplaced(node)
    settings: dict[str, Any] = {}
    encrypted: list[_Path] = []
    for key, value in (content.get("config") or {}).items():
        # A key without a namespace is the project's.
        namespace, _, name = str(key).rpartition(":")
        if namespace in ("", PROJECT):
            settings[name] = _readable(value, (name,), encrypted)
    flaws += _misnamed(config)
    return StackDocument(content, settings, tuple(encrypted), tuple(flaws), _config_key=config_key, _config=config)


def _loaded(text: str) -> tuple[yaml.Node | None, list[Flaw], Any]:
    loader = _EngineLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, [], None
        # Construction merges mappings, after which an overridden key would seem to stand twice.
        flaws = list(_duplicates(node, set()))
        return node, flaws, loader.construct_document(node)
    finally:
        loader.dispose()


def _unreadable(flaw: Flaw) -> StackDocument:
    return StackDocument({}, {}, flaws=(flaw,), is_readable=False)


def _syntax_flaw(error: yaml.MarkedYAMLError, text: str) -> Flaw:
    mark = error.problem_mark or error.context_mark
    place = Mark(mark.line + 1, mark.column + 1) if mark is not None else Mark(1, 1)
    lines = text.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if line[: len(line) - len(line.lstrip())].count("\t"):
        return Flaw(place, "", "is no YAML: a line is indented with a tab; indent with spaces")
    context = f" {error.context}" if error.context else ""
    return Flaw(place, "", f"is no YAML: {error.problem}{context}; look at the indentation and the quotes here")


def _duplicates(node: yaml.Node, seen: set[int]) -> Iterator[Flaw]:
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _duplicates(item, seen)
    elif isinstance(node, yaml.MappingNode):
        first: dict[str, Mark] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in first:
                    yield Flaw(_mark(key), key.value, f"stands here again; it stands on line {first[key.value].line}")
                first.setdefault(key.value, _mark(key))
            yield from _duplicates(value, seen)


def _misplaced(node: yaml.Node | None) -> Iterator[Flaw]:
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if str(key.value).startswith(f"{PROJECT}:"):
            yield Flaw(_mark(key), key.value, "stands outside `config`; indent it below `config:`")
        elif key.value not in STACK_FILE_KEYS:
            nearest = did_you_mean(nearest_of(key.value, STACK_FILE_KEYS))
            there_are = ", ".join(STACK_FILE_KEYS)
            yield Flaw(
                _mark(key), str(key.value), f"is no key of a stack configuration; there are {there_are}{nearest}"
            )


def _misnamed(config: yaml.Node | None) -> Iterator[Flaw]:
    """Find keys whose namespace is Inferloop's misspelt, and settings that stand both with and without it."""
    seen: dict[str, str] = {}
    for key, _ in config.value if isinstance(config, yaml.MappingNode) else ():
        namespace, _, name = str(key.value).rpartition(":")
        if namespace in ("", PROJECT):
            if seen.setdefault(name, key.value) != key.value:
                yield Flaw(_mark(key), key.value, f"is the same setting as {seen[name]}; remove one of them")
        elif difflib.get_close_matches(namespace, (PROJECT,), cutoff=0.75):
            yield Flaw(_mark(key), key.value, f"is no namespace of this project; did you mean {PROJECT}:{name}?")


def _child(node: yaml.Node | None, part: str | int, at_top: bool = False) -> tuple[yaml.Node, yaml.Node] | None:
    """Return the nodes of a key and its value, or twice that of an item of a list."""
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    if not isinstance(node, yaml.MappingNode):
        return None
    names = (f"{PROJECT}:{part}", str(part)) if at_top else (str(part),)
    # What a merge key brought in stands first; the last of equal keys is the one that counts.
    return next(((key, value) for key, value in reversed(node.value) if key.value in names), None)


def _mark(node: yaml.Node) -> Mark:
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)


def _readable(value: Any, path: _Path, encrypted: list[_Path]) -> Any:
    """Return a value with what is encrypted in it replaced, and with text as keys, as the engine hands it over."""
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            encrypted.append(path)
            return ENCRYPTED
        return {str(key): _readable(item, (*path, str(key)), encrypted) for key, item in value.items()}
    if isinstance(value, list):
        return [_readable(item, (*path, index), encrypted) for index, item in enumerate(value)]
    return value


def engine_text(value: Any) -> str:
    """Return a setting's value as the engine hands it over: text, and JSON for a section or a list."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value)


def dump_document(content: dict[str, Any]) -> str:
    """Write a stack configuration so that the engine, and PyYAML's own reader too, read what is in `content`."""
    return yaml.dump(content, Dumper=_EngineDumper, sort_keys=False)
