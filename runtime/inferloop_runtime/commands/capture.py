"""`inferloop-runtime capture`: capture data, and compare what was captured with the catalog."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Capture data, and compare what was captured with the catalog.", no_args_is_help=True)

Config = Annotated[Path, typer.Option("--config", help="Settings file of the capture job (JSON).")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def run(
    config: Config,
    as_json: Json = False,
    wait_s: Annotated[float, typer.Option(help="How long to wait for another run of the same job.", min=0)] = 60,
) -> None:
    """Capture the job's source as a new version of its data set, unless the last version holds it already."""
    from inferloop_runtime.capture.run import run_capture
    from inferloop_runtime.capture.settings import CaptureSettings
    from inferloop_runtime.settings_file import load_settings

    on_terminal = sys.stderr.isatty()
    erase = "\r\x1b[2K" if on_terminal else ""

    def tell(sentence: str) -> None:
        print(f"{erase}{sentence}", file=sys.stderr)

    def progress(sentence: str) -> None:
        if on_terminal:
            print(f"{erase}{sentence}", end="", file=sys.stderr, flush=True)

    result = run_capture(load_settings(CaptureSettings, config), wait_s=wait_s, tell=tell, progress=progress)
    print(erase, end="", file=sys.stderr, flush=True)
    if as_json:
        print(json.dumps(result.document()))
        return
    what = {
        "succeeded": "is captured",
        "unchanged": "already holds this source; nothing to do",
        "repaired": "was damaged and is whole again",
        "recovered": "was not in the catalog and is recorded again",
    }[result.status]
    print(f"version {result.version} of data set {result.dataset} {what}: {result.path}")
    print(f"{result.rows_read} rows read, {result.rows_written} written, {result.rows_quarantined} in quarantine")


@app.command()
def verify(
    config: Config,
    as_json: Json = False,
    every_version: Annotated[bool, typer.Option("--all", help="Read every version, not the newest alone.")] = False,
) -> None:
    """Compare the data set's files with the catalog; exit 6 and name what differs."""
    from inferloop_runtime.capture.settings import CaptureSettings
    from inferloop_runtime.capture.verify import verify_dataset
    from inferloop_runtime.errors import CaptureError
    from inferloop_runtime.settings_file import load_settings

    found = verify_dataset(load_settings(CaptureSettings, config), every_version=every_version)
    if as_json:
        print(json.dumps(found.document()))
    if found.problems:
        reasons = "; ".join(found.problems)
        raise CaptureError(f"{reasons}; run `inferloop-runtime capture run --config {config}`")
    if not as_json:
        print(f"version {found.version} of data set {found.dataset} is what the catalog says: {found.path}")
