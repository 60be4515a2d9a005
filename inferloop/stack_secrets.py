"""Read the secrets of a stack that its user is entitled to."""

from pathlib import Path

from inferloop.engine import EngineRunner, find_engine
from inferloop.errors import StackDownError
from inferloop.project import Project, check_stack_name
from inferloop.state import read_state

_API_KEY = "api_key"


def api_key(project: Project, stack: str) -> str:
    """Return the stack's first API key (secret), which the engine decrypts.

    Raises StackDownError where the stack has none yet.
    """
    check_stack_name(stack)
    state = read_state(project.home, stack)
    if _API_KEY not in state.secret_outputs and _API_KEY not in state.outputs:
        raise StackDownError(f"stack {stack} has no API key yet; `inferloop up {stack}` makes it")
    runner = EngineRunner(project, find_engine(project))
    return runner.run(["stack", "output", _API_KEY, "--show-secrets", "--stack", stack]).strip()


def admin_key(project: Project, stack: str) -> str:
    """Return the gateway's admin key (secret). Raises StackDownError where the stack has none yet."""
    check_stack_name(stack)
    named = read_state(project.home, stack).outputs.get("admin_key_file")
    try:
        return Path(str(named)).read_text(encoding="utf-8").strip()
    except OSError:
        raise StackDownError(f"stack {stack} has no admin key yet; `inferloop up {stack}` makes it") from None
