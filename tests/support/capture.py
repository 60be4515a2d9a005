"""A capture job for tests: its settings file, its command line, its catalog rows."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pyarrow as pa
import pyarrow.parquet
import pytest
from inferloop_runtime.capture.run import run_capture
from inferloop_runtime.capture.settings import CaptureSettings
from inferloop_runtime.errors import InferloopError
from inferloop_runtime.settings_file import load_settings

STOCK_COLUMNS: list[dict[str, Any]] = [
    {"name": "symbol", "type": "string", "pattern": "[A-Z]{1,5}"},
    {"name": "date", "type": "date32", "format": "%b %d %Y"},
    {"name": "price", "type": "float64", "minimum": 0},
]

_PROGRAM = "from inferloop_runtime.commands.capture import app; from inferloop_runtime.errors import InferloopError\n"
_PROGRAM += "import sys\ntry: app(standalone_mode=False)\n"
_PROGRAM += "except InferloopError as error: print(f'error: {error}', file=sys.stderr); sys.exit(error.exit_code)"


@dataclass
class CaptureJob:
    """One job in a folder of its own."""

    folder: Path
    dsn: str
    uri: str
    columns: list[dict[str, Any]] = field(default_factory=lambda: STOCK_COLUMNS)
    extra: dict[str, Any] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.folder / "datasets" / "stocks"

    def config(self) -> Path:
        self.folder.mkdir(exist_ok=True, parents=True)
        (self.folder / "dsn").write_text(self.dsn)
        if not (self.folder / "key").exists():
            (self.folder / "key").write_text("k" * 40)
        path = self.folder / "capture.json"
        settings = {
            "job": "stocks-job",
            "dataset": "stocks",
            "source": {"uri": self.uri} | self.source,
            "columns": self.columns,
            "datasets_dir": str(self.folder / "datasets"),
            "state_dir": str(self.folder / "state"),
            "dsn_file": str(self.folder / "dsn"),
            "privacy_key_file": str(self.folder / "key"),
        }
        path.write_text(json.dumps(settings | self.extra))
        return path

    def start(self, verb: str, *options: str, **popen: Any) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, verb, "--config", str(self.config()), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            **popen,
        )

    def call(self, verb: str, *options: str, **popen: Any) -> "subprocess.CompletedProcess[str]":
        process = self.start(verb, *options, **popen)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def run(self) -> dict[str, Any]:
        """Run the job in this process."""
        settings = load_settings(CaptureSettings, self.config())
        return run_capture(settings, wait_s=60, tell=self.told.append, progress=lambda _: None).document()

    def refused(self, code: int = 6) -> str:
        """Run the job, which must fail as expected with this exit code; return the message."""
        with pytest.raises(InferloopError) as caught:
            self.run()
        assert caught.value.exit_code == code
        return str(caught.value)

    def table(self, version: int = 1) -> pa.Table:
        return pa.parquet.read_table(self.home / f"v{version}")

    def quarantine(self, version: int = 1) -> list[dict[str, Any]]:
        files = sorted((self.home / f"v{version}" / "_quarantine").glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def files(self, version: int = 1) -> dict[str, bytes]:
        """All files of a version but the manifest, whose times differ."""
        folder = self.home / f"v{version}"
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and path.name != "_manifest.json"
        }


async def rows(dsn: str, query: str) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(dsn)
    try:
        return [dict(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()
