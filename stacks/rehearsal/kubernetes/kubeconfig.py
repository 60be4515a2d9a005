"""How an API server is reached, read from a kubeconfig."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from stacks.rehearsal.kubernetes.exec_login import exec_token
from stacks.rehearsal.plugins.errors import RehearsalError


@dataclass(frozen=True)
class Connection:
    """An API server's URL, the PEM certificates that it is trusted by, and the bearer token, which is secret."""

    server: str
    certificates: str
    token: str = field(repr=False)
    namespace: str = "default"


def read_kubeconfig(text: str, *, context: str | None = None) -> Connection:
    """Read a kubeconfig, given as a path or as its content in YAML or JSON.

    Only what rehearsals use is understood: a bearer token, or a command that prints one, and certificates. Raises
    RehearsalError that names the key; no message holds a token.
    """
    config = _parse(text)
    name = context or config.get("current-context")
    chosen = _entry(config, "contexts", name, "context")
    cluster = _entry(config, "clusters", chosen.get("cluster"), "cluster")
    user = _entry(config, "users", chosen.get("user"), "user")
    token = exec_token(user["exec"]) if user.get("exec") else user.get("token")
    if not isinstance(token, str) or not token:
        raise RehearsalError(
            f"kubeconfig: users.{chosen.get('user')} has no token ({', '.join(sorted(user)) or 'nothing'} is there); "
            "a rehearsal's plugin signs in by a token, or by a command (`exec`) that prints one"
        )
    server = cluster.get("server")
    if not isinstance(server, str) or not server.startswith("https://"):
        raise RehearsalError(f"kubeconfig: clusters.{chosen.get('cluster')}.server must be an https URL")
    return Connection(server.rstrip("/"), _certificates(cluster), token, chosen.get("namespace") or "default")


def _parse(text: str) -> Mapping[str, Any]:
    if "\n" not in text and not text.lstrip().startswith("{"):
        try:
            text = Path(text).expanduser().read_text(encoding="utf-8")
        except OSError as error:
            raise RehearsalError(f"kubeconfig {text} cannot be read: {error.strerror}") from error
    try:
        config = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        # The parser's message would quote the file, token included.
        raise RehearsalError("the kubeconfig is neither YAML nor JSON") from None
    if not isinstance(config, Mapping):
        raise RehearsalError("the kubeconfig is not a mapping")
    return config


def _entry(config: Mapping[str, Any], group: str, name: Any, key: str) -> Mapping[str, Any]:
    for item in config.get(group) or ():
        if item.get("name") == name:
            found: Mapping[str, Any] = item.get(key) or {}
            return found
    raise RehearsalError(f"kubeconfig: {group} has no entry {name!r}")


def _certificates(cluster: Mapping[str, Any]) -> str:
    data = cluster.get("certificate-authority-data")
    if data:
        try:
            return base64.b64decode(data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise RehearsalError("kubeconfig: certificate-authority-data is no base64 of PEM text") from None
    file = cluster.get("certificate-authority")
    if not file:
        raise RehearsalError("kubeconfig: the cluster has no certificate-authority or certificate-authority-data")
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise RehearsalError(f"kubeconfig: certificate-authority {file}: {error.strerror}") from error
