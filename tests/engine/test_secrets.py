import contextlib
import json
import stat
from pathlib import Path

import pytest

from tests.support.pulumi_stack import PASSPHRASE, PulumiStack

pytestmark = pytest.mark.engine


def _secrets(stack: PulumiStack) -> dict[str, str]:
    found = {path.name: path.read_text().strip() for path in (stack.root / "secrets").iterdir()}
    return {**found, "passphrase": PASSPHRASE}


def test_secret_files_are_readable_by_their_owner_only(stack: PulumiStack) -> None:
    files = list((stack.root / "secrets").iterdir())
    assert {"database-password", "admin-key", "api-key", "dsn", "supervisor-password"} <= {path.name for path in files}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE((stack.root / "secrets").stat().st_mode) == 0o700


def test_no_secret_stands_in_the_state_as_it_is_kept(stack: PulumiStack) -> None:
    state = stack.state()
    assert '"ciphertext"' in state
    assert [name for name, secret in _secrets(stack).items() if secret in state] == []


def test_no_secret_stands_in_logs_or_settings_files(stack: PulumiStack) -> None:
    text = "".join(
        path.read_text(errors="replace")
        for folder in ("log", "config", "run")
        for path in (stack.root / folder).rglob("*")
        if path.is_file()
    )
    assert [name for name, secret in _secrets(stack).items() if secret in text] == []


def test_no_secret_stands_in_the_process_table(stack: PulumiStack) -> None:
    seen = ""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            seen += (process / "cmdline").read_bytes().decode(errors="replace")
            if str(stack.root) in (process / "cmdline").read_bytes().decode(errors="replace"):
                seen += (process / "environ").read_bytes().decode(errors="replace")
    assert str(stack.root) in seen
    assert [name for name, secret in _secrets(stack).items() if secret in seen] == []


def test_secret_outputs_are_hidden_unless_they_are_asked_for(stack: PulumiStack) -> None:
    hidden = json.dumps(stack.outputs(show_secrets=False))
    assert stack.outputs()["api_key"] == _secrets(stack)["api-key"]
    assert [name for name, secret in _secrets(stack).items() if secret in hidden] == []
