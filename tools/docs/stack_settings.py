"""The page of all stack settings: which clouds and phases have them, what they may be and what they default to."""

from collections.abc import Iterator, Mapping

from stacks.settings import MEMBERS, cloud_names, phases_of, settings_class
from stacks.settings.reference import SettingReference, setting_references
from tools.docs.markdown import NOTICE, code, paragraph, prose, table
from tools.docs.settings_reference import STACK_SCHEMA

_INTRODUCTION = f"""\
A stack's settings stand in `stacks/config/Pulumi.<stack>.yaml` under keys `inferloop:…`, and nowhere else. Which of \
them there are depends on two: `inferloop:cloud`, where the stack runs, and `inferloop:phase`, what it consists of.

## Set and check

| to | do |
| --- | --- |
| set one | `pulumi config set --stack <stack> --path 'inferloop:pools.small.maximum' 4`, or edit the file |
| set a secret one | the same with `--secret`; it is encrypted, and never shown |
| check all of a stack's | `inferloop settings check <stack>`; every wrong one is named with its line, at once |
| see what is in force | `inferloop settings check <stack> --json`; `pulumi config` lists what `Pulumi.yaml` declares |
| be helped by an editor | first line `# yaml-language-server: $schema=../../docs/reference/schemas/{STACK_SCHEMA}` |
| get the schema of one cloud and phase | `inferloop settings schema --cloud aws --phase pilot` |

A section is written as YAML, never as JSON text, and is not encrypted as a whole: encrypt the values in it. Text that \
looks like a number (a version, an account) stands in quotes. An unknown key is refused. `Pulumi.yaml` declares every \
setting, because `pulumi config` shows only those; the engine demands a default for each there, and an empty one means \
that the setting is absent. So does, in a stack of another cloud, any default of `Pulumi.yaml`.
"""


def render() -> str:
    """Give the page `reference/settings.md`."""
    parts = [NOTICE.format(source="stacks/settings/"), "# Stack settings\n", _INTRODUCTION, "## Clouds and phases\n"]
    parts.append(table(("section or setting", *cloud_names()), _matrix()))
    for cloud in cloud_names():
        parts.append(f"## Settings on {code(cloud)}\n")
        parts.append(paragraph(_phases(cloud)) + "\n")
        parts.append(table(("key", "type", "default", "meaning"), _rows(cloud)))
    return "\n".join(parts)


def _matrix() -> Iterator[tuple[str, ...]]:
    keys = dict.fromkeys(key for member in MEMBERS for key in settings_class(*member).model_fields)
    for key in keys:
        yield code(key), *(_since(cloud, key) for cloud in cloud_names())


def _since(cloud: str, key: str) -> str:
    having = [phase for phase in phases_of(cloud) if key in settings_class(cloud, phase).model_fields]
    if not having:
        return ""
    return "yes" if len(having) == len(phases_of(cloud)) else f"from {having[0]}"


def _phases(cloud: str) -> str:
    first, *rest = phases_of(cloud)
    if not rest:
        return f"Phase {code(first)}. A dot is a key inside a section; `[]` is each entry of a list."
    return (
        f"Phases {', '.join(map(code, (first, *rest)))}; each has the settings of those before it. Where a setting or "
        "a default begins with a later phase, it says so. A dot is a key inside a section; `[]` is each entry of a "
        "list, `<name>` a name of your own."
    )


def _rows(cloud: str) -> Iterator[tuple[str, str, str, str]]:
    phases = phases_of(cloud)
    found: dict[str, dict[str, SettingReference]] = {}
    for phase in phases:
        for reference in setting_references(settings_class(cloud, phase)):
            found.setdefault(reference.key, {})[phase] = reference
    for key, by_phase in found.items():
        last = by_phase[list(by_phase)[-1]]
        begins = next(iter(by_phase))
        since = "" if begins == phases[0] else f" From {code(begins)} on."
        is_phase = key.endswith(":phase")
        kind = " | ".join(phases) if is_phase else last.type
        yield code(key), kind, _defaults(by_phase, is_phase), f"{prose(last.description)}{since}"


def _defaults(by_phase: Mapping[str, SettingReference], is_phase: bool) -> str:
    """Name the default, and each phase from which on there is another."""
    parts: list[str] = []
    before = None
    for phase, reference in by_phase.items():
        if reference.default != before and not (is_phase and parts):
            begins = f"from {phase}: " if parts else ""
            parts.append(f"{begins}{code(reference.default)}")
            before = reference.default
    return "; ".join(parts)
