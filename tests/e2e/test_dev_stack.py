import asyncio
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pyarrow.dataset
import pytest

from tests.e2e.conftest import Service, service_of
from tests.support.dev_stack import DevStack, running_dev_stack, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.xdist_group("dev-stack")]


def fetch(url: str, **headers: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        return str(answer.read().decode())


def ask(service: Service, **changes: Any) -> tuple[dict[str, Any], str]:
    body = {"model": service.model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4, **changes}
    request = urllib.request.Request(
        f"{service.gateway_url}/v1/chat/completions",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {service.key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read()), str(answer.headers["x-request-id"])


def query(stack: DevStack, sql: str, *arguments: object) -> list[dict[str, Any]]:
    async def run() -> list[dict[str, Any]]:
        connection = await asyncpg.connect((stack.folder / "secrets" / "dsn").read_text().strip())
        try:
            return [dict(row) for row in await connection.fetch(sql, *arguments)]
        finally:
            await connection.close()

    return asyncio.run(run())


def test_status_names_every_process_and_is_fast(service: Service) -> None:
    started = time.monotonic()
    status = service.stack.status()
    assert time.monotonic() - started < 3
    assert status["state"] == "up"
    states = {process["name"]: process["state"] for process in status["processes"]}
    assert set(states) >= {"supervisor", "keeper", "postgres", "model-server", "gateway", "metrics"}
    assert set(states.values()) == {"running"}
    for process in status["processes"]:
        assert psutil.pid_exists(process["pid"])
    assert (status["model"], status["shards"]) == ("tiny", 1)
    for name in ("gateway_url", "console_url", "metrics_url"):
        assert status[name].startswith("http://127.0.0.1:")
    assert Path(status["dataset_path"]).is_dir()


def test_a_second_up_changes_nothing_and_restarts_nothing(service: Service) -> None:
    before = service.stack.status()["processes"]
    assert service.stack.up()["changes"] == 0
    assert service.stack.status()["processes"] == before


def test_the_summary_of_up_holds_a_request_that_works_as_it_stands(service: Service) -> None:
    text = service.stack.run("up").stdout
    command = text[text.index("curl ") : text.index("\nnext:")]
    done = subprocess.run(
        ["bash", "-c", command],
        env=dict(service.stack.environment),
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert json.loads(done.stdout)["object"] == "chat.completion", done.stderr


def test_every_answered_request_is_metered(service: Service) -> None:
    answer, request_id = ask(service)
    sql = "SELECT u.*, t.name FROM usage u JOIN tenants t ON t.id = u.tenant_id WHERE request_id = $1"
    wait_until(lambda: bool(query(service.stack, sql, request_id)), 15, "metering")
    (row,) = query(service.stack, sql, request_id)
    assert row["prompt_tokens"] == answer["usage"]["prompt_tokens"]
    assert row["completion_tokens"] == answer["usage"]["completion_tokens"]
    assert row["model"] == service.model
    assert row["status"] == 200
    assert row["latency_ms"] > 0


def test_the_served_model_is_a_row_of_models(service: Service) -> None:
    rows = query(service.stack, "SELECT name, size_bytes FROM models")
    assert [row["name"] for row in rows] == [service.model]
    assert rows[0]["size_bytes"] > 0


def test_the_captured_data_set_is_readable_and_is_what_the_catalog_says(service: Service) -> None:
    status = service.stack.status()
    table = pyarrow.dataset.dataset(status["dataset_path"], format="parquet").to_table()
    (row,) = query(service.stack, "SELECT * FROM datasets")
    (run,) = query(service.stack, "SELECT * FROM capture_runs WHERE id = $1", row["capture_run_id"])
    assert table.num_rows == row["row_count"] == run["rows_written"] > 500
    assert run["rows_read"] == run["rows_written"] + run["rows_quarantined"]
    assert {"symbol", "date", "price"} <= set(table.column_names)
    assert json.loads(row["lineage"])


def test_metrics_of_all_processes_come_from_one_address(service: Service) -> None:
    text = fetch(service.stack.status()["metrics_url"])
    for process in ("gateway", "model-server"):
        assert f'process="{process}"' in text


def test_logs_are_shown_by_process_and_an_unknown_one_is_refused(service: Service) -> None:
    assert service.stack.run("logs", "postgres", "--lines", "200").stdout
    refused = service.stack.run("logs", "nobody", check=False)
    assert refused.returncode == 1
    for process in ("gateway", "model-server", "postgres"):
        assert process in refused.stderr


def test_secrets_are_private_files_and_stand_nowhere_else(service: Service) -> None:
    home = service.stack.home
    folder = service.stack.folder / "secrets"
    secrets = {path.name: path.read_text().strip() for path in folder.rglob("*") if path.is_file()}
    secrets |= {"first key": service.key, "passphrase": (home / "passphrase").read_text().strip()}
    dsn = next(value for value in secrets.values() if value.startswith("postgresql://"))
    secrets["password"] = re.findall(r":([^:@]+)@", dsn)[0]
    assert all(len(value) >= 16 for value in secrets.values())
    for path in (*folder.rglob("*"), home / "passphrase"):
        if path.is_file():
            assert path.stat().st_mode & 0o777 == 0o600, path
    ask(service)
    for path in home.rglob("*"):
        if path.is_file() and folder not in path.parents and path.name != "passphrase":
            content = path.read_bytes()
            for name, secret in secrets.items():
                assert secret.encode() not in content, f"{name} stands in {path}"
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        for name, secret in secrets.items():
            assert secret not in line, f"{name} stands on the command line of process {process.pid}"


def test_everything_listens_on_loopback_only(service: Service) -> None:
    addresses = {
        connection.laddr.ip
        for process in service.stack.processes()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses
    assert addresses <= {"127.0.0.1", "::1"}


def test_the_console_shows_the_stack_in_a_real_browser(service: Service, tmp_path: Path) -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no Chromium here")
    ask(service)
    page = subprocess.run(
        [
            browser,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            f"--user-data-dir={tmp_path}",
            "--virtual-time-budget=8000",
            "--dump-dom",
            service.stack.status()["console_url"],
        ],
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=90,
    ).stdout
    assert service.model in page
    assert "stocks" in page


def test_the_model_is_split_over_three_processes_when_asked(tmp_path: Path) -> None:
    with running_dev_stack({"model": {"source": "tiny", "shards": 3}}) as stack:
        status = stack.status()
        shards = [process for process in status["processes"] if process["name"].startswith("model-server:shard-")]
        assert [shard["name"] for shard in shards] == [f"model-server:shard-{rank}" for rank in range(3)]
        assert len({shard["pid"] for shard in shards}) == 3
        assert status["shards"] == 3
        assert ask(service_of(stack))[0]["choices"]


def test_the_default_stack_answers_with_real_weights() -> None:
    with running_dev_stack({}) as stack:
        answer, _ = ask(
            service_of(stack),
            messages=[{"role": "user", "content": "What is the capital of France?"}],
            max_tokens=16,
            temperature=0,
        )
        assert "Paris" in answer["choices"][0]["message"]["content"]
