"""Alertmanager's configuration: which receiver hears of which severity, with no secret in it.

https://prometheus.io/docs/alerting/latest/configuration/
"""

from collections.abc import Mapping, Sequence

import pulumi

from components.errors import SettingsError
from components.kubernetes.api_object import ApiObject

_NOBODY = "nobody"
# Keys whose values are secrets; each has a twin that names a file instead.
_SECRET_KEYS = frozenset(
    (
        "api_key",
        "api_secret",
        "api_url",
        "auth_password",
        "auth_secret",
        "bot_token",
        "credentials",
        "password",
        "routing_key",
        "secret_key",
        "service_key",
        "slack_api_url",
        "token",
        "user_key",
        "webhook_url",
    )
)
SECRET_FOLDER = "/etc/alertmanager/secrets"  # noqa: S105 - a folder
"""Where Alertmanager finds the Kubernetes Secrets that it is given: one folder each."""


def alertmanager_config(
    routes: Mapping[str, str], receivers: Mapping[str, Mapping[str, Sequence[Mapping[str, pulumi.Input[ApiObject]]]]]
) -> ApiObject:
    """Return the configuration; `routes` tells a receiver's name by an alert's label `severity`.

    `receivers` hold Alertmanager's own lists, such as `sns_configs`, by name; one that no route names hears of the
    severity of its own name. The alert that always fires goes to nobody, and so does any other severity. Raises
    SettingsError for a route to a receiver that is not there, and for a secret in place of a file that holds it.
    """
    if receivers and (missing := sorted(set(routes.values()) - set(receivers))):
        raise SettingsError(f"no receiver {', '.join(missing)}; there are {', '.join(receivers)}")
    for name, kinds in receivers.items():
        for kind, entries in kinds.items():
            for entry in entries:
                _refuse_secrets(f"receiver {name}, {kind}", entry)
    heard_of = {name: name for name in receivers if name not in routes.values()} | dict(routes)
    heard = [
        {"receiver": receiver, "matchers": [f'severity = "{severity}"'], "repeat_interval": _repeat(severity)}
        for severity, receiver in heard_of.items()
        if receiver in receivers
    ]
    return {
        "global": {"resolve_timeout": "5m"},
        "inhibit_rules": [
            {
                "source_matchers": ['severity = "critical"'],
                "target_matchers": ['severity =~ "warning|info"'],
                "equal": ["namespace", "alertname"],
            }
        ],
        "route": {
            "receiver": _NOBODY,
            "group_by": ["namespace", "alertname"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "12h",
            "routes": [{"receiver": _NOBODY, "matchers": ['alertname =~ "Watchdog|InfoInhibitor"']}, *heard],
        },
        "receivers": [{"name": _NOBODY}, *({"name": name, **kinds} for name, kinds in receivers.items())],
    }


def _repeat(severity: str) -> str:
    return "1h" if severity == "critical" else "12h"


def _refuse_secrets(where: str, entry: Mapping[str, ApiObject]) -> None:
    for key, value in entry.items():
        if key in _SECRET_KEYS:
            raise SettingsError(
                f"{where}: {key} would put a secret into the configuration; name a file below {SECRET_FOLDER} in "
                f"{key}_file, and its Kubernetes Secret in receiver_secrets"
            )
        if isinstance(value, Mapping):
            _refuse_secrets(f"{where}.{key}", value)
