"""The JSON Schema (2020-12) of stack configuration files, as editors check them while they are written."""

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from components.errors import SettingsError
from components.suggestion import did_you_mean, nearest_of
from stacks.settings.checkout import PROJECT
from stacks.settings.descriptions import described
from stacks.settings.members import DEFAULT_CLOUD, MEMBERS, settings_class

_OTHER_NAMESPACES = rf"^(?!{PROJECT}:)[^:]+:.+$"
_ENCRYPTED = {
    "description": "A value that `pulumi config set --secret` has encrypted.",
    "type": "object",
    "properties": {"secure": {"type": "string"}},
    "required": ["secure"],
    "additionalProperties": False,
}
# The engine keeps what `pulumi config set` is given as text, and hands text to the program.
_AS_TEXT = {
    "integer": {"type": "string", "pattern": r"^[-+]?[0-9]+$"},
    "number": {"type": "string", "pattern": r"^[-+]?[0-9.]+([eE][-+]?[0-9]+)?$"},
    "boolean": {"enum": ["true", "false"]},
}
_ABOUT = ("title", "description", "default", "examples", "deprecated")

Schema = dict[str, Any]


def stack_file_schema(cloud: str | None = None, phase: str | None = None) -> Schema:
    """Return the schema of stack configurations: all of them, or those of one cloud or phase.

    Keys are those of the file, `inferloop:...`; which of them there are depends on `inferloop:cloud` and
    `inferloop:phase`. Raises SettingsError where no settings are registered for the cloud or phase.
    """
    members = _chosen(cloud, phase)
    models = {member: settings_class(*member) for member in members}
    # One class may serve several phases.
    kinds = [described(kind) for kind in dict.fromkeys(models.values())]
    references, shared = models_json_schema([(kind, "validation") for kind in kinds])
    definitions: dict[str, Schema] = shared.get("$defs", {})
    top = {member: references[kind, "validation"]["$ref"].rpartition("/")[2] for member, kind in models.items()}
    files = {_name(member): _stack_schema(member, definitions[top[member]], definitions) for member in members}
    sections = {name: _section(schema) for name, schema in definitions.items() if name not in top.values()}
    config = {
        "type": "object",
        "anyOf": [_constants(member) for member in members],
        "allOf": [{"if": _constants(member), "then": {"$ref": f"#/$defs/{_name(member)}"}} for member in members],
    }
    text = {"type": "string"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Inferloop stack configuration",
        "description": "A file stacks/config/Pulumi.<stack>.yaml",
        "type": "object",
        "properties": {
            "config": config,
            "encryptionsalt": text,
            "encryptedkey": text,
            "secretsprovider": text,
            "environment": {},
        },
        # A file that says nothing is that of a stack on this machine.
        "required": [] if any(_is_default(member) for member in members) else ["config"],
        "additionalProperties": False,
        "$defs": {**files, **sections, "encrypted": _ENCRYPTED},
    }


def _chosen(cloud: str | None, phase: str | None) -> list[tuple[str, str]]:
    wanted = [it for it in MEMBERS if cloud in (None, it[0]) and phase in (None, it[1])]
    if wanted:
        return wanted
    clouds = tuple(dict.fromkeys(it[0] for it in MEMBERS))
    if cloud is not None and cloud not in clouds:
        nearest = did_you_mean(nearest_of(cloud, clouds))
        raise SettingsError(f"no stack runs on cloud {cloud!r}; there are {', '.join(clouds)}{nearest}")
    phases = tuple(dict.fromkeys(it[1] for it in MEMBERS if cloud in (None, it[0])))
    nearest = did_you_mean(nearest_of(phase, phases))
    where = f" on cloud {cloud}" if cloud else ""
    raise SettingsError(f"no stack is in phase {phase!r}{where}; there are {', '.join(phases)}{nearest}")


def _name(member: tuple[str, str]) -> str:
    return "-".join(member)


def _is_default(member: tuple[str, str]) -> bool:
    return member[0] == DEFAULT_CLOUD


def _constants(member: tuple[str, str]) -> Schema:
    """Tell the stacks of one cloud and phase from others."""
    keys = (f"{PROJECT}:cloud", f"{PROJECT}:phase")
    schema: Schema = {"properties": {key: {"const": value} for key, value in zip(keys, member, strict=True)}}
    return schema if _is_default(member) else {**schema, "required": list(keys)}


def _stack_schema(member: tuple[str, str], schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    properties = {}
    for key, value in schema["properties"].items():
        constant = dict(zip(("cloud", "phase"), member, strict=True)).get(key)
        # pydantic leaves a description out that is the same as that of the section it refers to.
        value = {"description": _meaning(value, definitions), **value}
        about = {word: value[word] for word in _ABOUT if word in value}
        properties[f"{PROJECT}:{key}"] = (
            {**about, "const": constant} if constant else _top_level(_encryptable(value), definitions)
        )
    return {
        "description": schema.get("description", ""),
        "type": "object",
        "properties": properties,
        "required": [f"{PROJECT}:{key}" for key in schema.get("required", ())],
        "patternProperties": {_OTHER_NAMESPACES: {}},
        "additionalProperties": False,
    }


def _meaning(schema: Schema, definitions: Mapping[str, Schema]) -> str:
    referred = definitions.get(schema.get("$ref", "").rpartition("/")[2], {})
    return str(referred.get("description", ""))


def _top_level(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """Let a top-level setting be text too, where the engine makes text of it, and let it be encrypted."""
    about = {word: schema[word] for word in _ABOUT if word in schema}
    rest = {word: value for word, value in schema.items() if word not in _ABOUT}
    texts = [_AS_TEXT[kind] for kind in dict.fromkeys(_types_in(rest, definitions)) if kind in _AS_TEXT]
    forms = rest["anyOf"] if set(rest) == {"anyOf"} else [rest]
    encrypted = {"$ref": "#/$defs/encrypted"}
    if any(kind in ("array", "object") for kind in _types_in(rest, definitions)):
        # The engine takes no section or list that is text, encrypted or not.
        return {**about, "anyOf": [form for form in forms if form != {"type": "null"}]}
    # What is encryptable is not listed twice; of a setting without a value the engine makes empty text.
    unwanted = (encrypted, {"type": "null"})
    return {**about, "anyOf": [*(form for form in forms if form not in unwanted), *texts, encrypted]}


def _types_in(schema: Schema, definitions: Mapping[str, Schema]) -> list[str]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _types_in(definitions[name], definitions) if name in definitions else []
    parts = schema.get("anyOf", []) + schema.get("oneOf", []) + schema.get("allOf", [])
    own = [schema["type"]] if "type" in schema else []
    return own + [kind for part in parts for kind in _types_in(part, definitions)]


def _section(schema: Schema) -> Schema:
    if "properties" not in schema:
        return schema
    return {**schema, "properties": {key: _encryptable(value) for key, value in schema["properties"].items()}}


def _encryptable(schema: Schema) -> Schema:
    """Let every text in a setting be encrypted, and refuse names of entries that do not match their pattern."""
    if schema.get("type") == "string" and "enum" not in schema and "const" not in schema:
        about = {word: schema[word] for word in _ABOUT if word in schema}
        rest = {word: value for word, value in schema.items() if word not in _ABOUT}
        return {**about, "anyOf": [rest, {"$ref": "#/$defs/encrypted"}]}
    changed = dict(schema)
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            changed[word] = _encryptable(schema[word])
    if "patternProperties" in schema:
        changed["patternProperties"] = {key: _encryptable(it) for key, it in schema["patternProperties"].items()}
        changed.setdefault("additionalProperties", False)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            changed[word] = [_encryptable(part) for part in schema[word]]
    return changed
