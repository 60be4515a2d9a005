"""The reference of the settings of single processes, and all JSON schemas, from the pydantic models."""

import importlib
import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from stacks.settings.schema import stack_file_schema
from tools.docs.markdown import NOTICE, code, paragraph, table

# Title → (where the model is, where its values are).
MODELS = {
    "Model server": (
        "inferloop_runtime.serving.settings:ServeSettings",
        "Read by `inferloop-runtime serve --config FILE`",
    ),
    "Gateway": (
        "inferloop_runtime.gateway.settings:GatewaySettings",
        "Read by `inferloop-runtime gateway --config FILE`",
    ),
    "Capture job": (
        "inferloop_runtime.capture.settings:CaptureSettings",
        "Read by `inferloop-runtime capture … --config FILE`",
    ),
    "Metrics exporter": (
        "inferloop_runtime.observability.settings:MetricsSettings",
        "Read by `inferloop-runtime metrics --config FILE`",
    ),
}
STACK_SCHEMA = "stack-configuration.schema.json"
_LONGEST_DEFAULT = 60


def _model(place: str) -> type[BaseModel]:
    module, _, name = place.partition(":")
    model: type[BaseModel] = getattr(importlib.import_module(module), name)
    return model


def _bounds(schema: dict[str, Any]) -> str:
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return ", ".join(f"{sign} {schema[key]}" for key, sign in words.items() if key in schema)


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"] if part.get("type") != "null")
    if "oneOf" in schema:
        return " or ".join(_type(part) for part in schema["oneOf"])
    if "enum" in schema:
        return ", ".join(code(value) for value in schema["enum"])
    if "const" in schema:
        return code(schema["const"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    name = {"path": "path", "uri": "URL"}.get(schema.get("format", ""), kind)
    bounds = _bounds(schema) or ", ".join(_bounds(part) for part in schema.get("allOf", ()))
    return f"{name} {bounds}".strip()


def _default(name: str, field: dict[str, Any], schema: dict[str, Any]) -> str:
    if name in schema.get("required", ()):
        return "required"
    shown = json.dumps(field["default"]) if "default" in field else ""
    return code(shown) if len(shown) <= _LONGEST_DEFAULT else "see the schema"


def _rows(schema: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for name, field in schema.get("properties", {}).items():
        yield code(name), _type(field), _default(name, field, schema), paragraph(field.get("description"))


def _section(title: str, place: str, read_by: str) -> Iterator[str]:
    schema = _model(place).model_json_schema()
    yield f"## {title}\n\n{read_by}. Schema: [{_schema_name(title)}](schemas/{_schema_name(title)}).\n"
    yield paragraph(schema.get("description")) + "\n"
    yield table(("key", "type", "default", "meaning"), _rows(schema))
    for name, part in sorted(schema.get("$defs", {}).items()):
        if "properties" in part:
            yield f"### {name}\n\n{paragraph(part.get('description'))}\n"
            yield table(("key", "type", "default", "meaning"), _rows(part))


def _schema_name(title: str) -> str:
    return f"{title.lower().replace(' ', '-')}.schema.json"


def render() -> str:
    """Give the page `reference/configuration.md`."""
    parts = [NOTICE.format(source="the settings models"), "# Configuration\n"]
    parts.append(
        "A stack is configured in one place, its Pulumi stack configuration: [Stack settings](settings.md). The files "
        "of single processes are written from it; they are listed for those who run a process by itself. Secrets are "
        "never values: a key that ends in `_file` names a file with mode 0600. An unknown key is refused.\n"
    )
    for title, (place, read_by) in MODELS.items():
        parts += _section(title, place, read_by)
    return "\n".join(parts)


def schemas() -> dict[str, str]:
    """Give each schema file's name and content."""
    models = {
        _schema_name(title): json.dumps(_model(place).model_json_schema(), indent=2) + "\n"
        for title, (place, _) in MODELS.items()
    }
    return {**models, STACK_SCHEMA: json.dumps(stack_file_schema(), indent=2) + "\n"}
