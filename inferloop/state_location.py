"""Say where a stack's state lies: in the home on this machine, or in the backend that its user is logged in to.

A local stack's state always lies in the home. Every other stack belongs to a team: its state lies where Pulumi's own
command line would look for it, so that `pulumi` and `inferloop` mean the same stack. Only `--local-state` keeps such a
state on this machine, for trials.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import yaml

from inferloop.errors import StateLocationError
from inferloop.project import Project

_HOSTED = "https://api.pulumi.com"


@dataclass(frozen=True)
class StateLocation:
    """Where a state lies. `url` is for people and holds no credentials."""

    url: str
    in_home: bool


def locate_state(
    project: Project, stack: str, *, local_state: bool, environ: Mapping[str, str] = os.environ
) -> StateLocation:
    """Find the state of a stack that does not run here.

    Raises StateLocationError where nobody is logged in, and where a state is kept here besides the login's.
    """
    home = StateLocation(project.home.backend.as_uri(), in_home=True)
    kept_here = project.home.state_file(stack).exists()
    login = logged_in_backend(project, environ)
    if local_state or (kept_here and login is None):
        return home
    if login is None:
        raise StateLocationError(
            f"stack {stack} has no place for its state: nobody is logged in to a Pulumi backend. Log in to your team's "
            f"(`pulumi login s3://BUCKET`, `pulumi login` for Pulumi Cloud) or set PULUMI_BACKEND_URL; "
            f"for a trial, `--local-state` keeps the state in {project.home.root} on this machine alone"
        )
    if kept_here:
        raise StateLocationError(
            f"stack {stack} has a state in {project.home.root} (made with --local-state), and you are logged in to "
            f"{login}: say which one is meant. `--local-state` goes on with the one here; to leave it, take it down "
            f"with `inferloop down {stack} --local-state`"
        )
    return StateLocation(login, in_home=False)


def logged_in_backend(project: Project, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the backend that Pulumi's command line would use, without credentials; None where nobody is logged in.

    In the order of https://www.pulumi.com/docs/iac/concepts/state-and-backends/: the environment, the project file,
    the credentials that `pulumi login` wrote.
    """
    named = environ.get("PULUMI_BACKEND_URL") or _backend_of_project(project.checkout) or _current_login(environ)
    if not named and environ.get("PULUMI_ACCESS_TOKEN"):
        named = _HOSTED
    return _without_credentials(named) if named else None


def _backend_of_project(checkout: Path) -> str | None:
    try:
        content = yaml.safe_load((checkout / "Pulumi.yaml").read_text(encoding="utf-8"))
        url = content["backend"]["url"]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return None
    return str(url) if url else None


def _current_login(environ: Mapping[str, str]) -> str | None:
    folder = environ.get("PULUMI_CREDENTIALS_PATH") or environ.get("PULUMI_HOME")
    base = Path(folder) if folder else Path(environ.get("HOME") or Path.home()) / ".pulumi"
    try:
        current = json.loads((base / "credentials.json").read_bytes())["current"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(current) if current else None


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    query = re.sub(r"(?i)((?:password|secret|token|key|sig)[^=&]*=)[^&]*", r"\1***", parts.query)
    return urlunsplit(parts._replace(netloc=place, query=query))
