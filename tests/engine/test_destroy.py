import contextlib
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.pulumi_stack import EngineError, PulumiStack

pytestmark = pytest.mark.engine


def _processes_in(folder: Path) -> set[int]:
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(folder) in (process / "cmdline").read_text(errors="replace"):
                found.add(int(process.name))
    return found


def test_destroy_keeps_protected_data_and_then_leaves_nothing(fresh_stack: PulumiStack) -> None:
    fresh_stack.up()
    outputs = fresh_stack.outputs()
    assert _processes_in(fresh_stack.root)

    with pytest.raises(EngineError, match="protect"):
        fresh_stack.destroy()

    fresh_stack.destroy("--exclude-protected")
    assert _processes_in(fresh_stack.root) == set()
    assert {path.name for path in fresh_stack.root.iterdir()} == {"data"}
    for name in ("gateway_url", "metrics_url"):
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", urlsplit(outputs[name]).port or 0)) != 0

    fresh_stack.up()
    assert fresh_stack.outputs()["dsn"] != outputs["dsn"]

    fresh_stack.unprotect()
    fresh_stack.destroy()
    assert _processes_in(fresh_stack.root) == set()
    assert not fresh_stack.root.exists()
