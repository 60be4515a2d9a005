"""The reference of policies, from their own data."""

from stacks.policies.catalog import POLICIES, SUBJECTS
from stacks.policies.controls import Control, Framework
from stacks.policies.policy import PHASES, Level, Policy
from tools.docs.markdown import NOTICE, code, prose, table

_INTRODUCTION = """
The engine itself checks policies, before it makes or changes anything and, for rules over several resources, at the end
of a preview or an update. A mandatory violation refuses the update, an advisory one warns. Each finding names the
resource, the property, what is wrong and what mends it.

```sh
pulumi preview --policy-pack stacks/policies/pulumi-analyzer-inferloop \\
  --policy-pack-config stacks/policies/levels/staging.json
```

The executable works with every language host; with the official one, `--policy-pack stacks/policies` names the same
pack. It needs the extra `policies`. `stacks/policies/levels/` holds a file of levels for each phase; without one, the
strictest hold, those of `{strictest}`. A file of your own changes levels and options
(`{{"logs-retained": {{"enforcementLevel": "mandatory", "minimum_days": 90}}}}`).

A value that only the update tells, such as a policy that names a bucket yet to be made, breaks nothing in the preview,
and is checked in the update. What a Helm release makes is not shown to policies by the engine: there the labels and
quotas of the namespace hold. That policies serve a control does not make a stack comply with it: what people and
processes must do is no resource's property. Retaining data when it is deleted (`retain_on_delete`) is not shown to
policies by the engine; `data-protected` sees `protect` alone.
"""


def _from(policy: Policy, level: Level) -> str:
    phases = [phase for phase in PHASES if policy.enforcement.in_phase(phase) is level]
    return code(phases[0]) if phases else "never"


def _options(policy: Policy) -> str:
    return "; ".join(f"{code(it.name)}: {prose(it.description)} ({code(str(it.default))})" for it in policy.options)


def render() -> str:
    """Give the page `reference/policies.md`."""
    parts = [NOTICE.format(source="stacks/policies"), "# Policies\n"]
    parts.append(_INTRODUCTION.strip().format(strictest=PHASES[-1]) + "\n")
    columns = ("policy", "asks that", "severity", "warns from", "refuses from", "controls", "options")
    for subject, policies in SUBJECTS.items():
        rows = [
            (
                code(policy.name),
                prose(policy.description),
                policy.severity.value,
                _from(policy, Level.ADVISORY),
                _from(policy, Level.MANDATORY),
                ", ".join(policy.controls),
                _options(policy),
            )
            for policy in policies
        ]
        parts += [f"## {subject}\n", table(columns, rows)]
    parts.append("## Controls\n")
    for framework in Framework:
        asked = [
            (
                control.value,
                prose(control.words),
                " ".join(code(policy.name) for policy in POLICIES if control in policy.controls),
            )
            for control in Control
            if control.framework is framework
        ]
        parts += [f"### {framework}\n", table(("control", "asks for", "policies"), asked)]
    return "\n".join(parts)
