"""Sign in by the command that a kubeconfig names, such as `aws eks get-token`.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any

from stacks.rehearsal.plugins.errors import RehearsalError

_TIMEOUT_S = 30


def exec_token(login: Mapping[str, Any]) -> str:
    """Return the bearer token (secret) that the command of a user's `exec` entry prints.

    Raises RehearsalError that names the command; no message holds what it printed on standard output.
    """
    command = [str(login.get("command") or ""), *map(str, login.get("args") or ())]
    info = {"apiVersion": login.get("apiVersion"), "kind": "ExecCredential", "spec": {"interactive": False}}
    environment = {
        **os.environ,
        **{item["name"]: item["value"] for item in login.get("env") or ()},
        "KUBERNETES_EXEC_INFO": json.dumps(info),
    }
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RehearsalError(f"kubeconfig: `{' '.join(command)}` cannot sign in: {error}") from None
    if done.returncode != 0:
        raise RehearsalError(f"kubeconfig: `{' '.join(command)}` cannot sign in: {done.stderr.strip()}")
    try:
        token = json.loads(done.stdout)["status"]["token"]
    except (ValueError, KeyError, TypeError):
        token = None
    if not isinstance(token, str) or not token:
        raise RehearsalError(f"kubeconfig: `{' '.join(command)}` answered without a token")
    return token
