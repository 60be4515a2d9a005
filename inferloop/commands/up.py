"""`inferloop up`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inferloop.commands.options import JsonOption, LocalStateOption, NoWaitOption, StackArgument

if TYPE_CHECKING:
    from inferloop.bring_up import UpResult


def up(
    stack: StackArgument = "dev",
    config_file: Annotated[
        Path | None, typer.Option(help="Use this stack configuration instead of the repository's.")
    ] = None,
    refresh: Annotated[
        bool,
        typer.Option("--refresh", help="Look for drift thoroughly: read every file, ask the cloud for every resource."),
    ] = False,
    local_state: LocalStateOption = False,
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bring a stack up, repair what drifted, and say how to use it; nothing is touched where nothing changed.

    Stops before anything is changed where a cloud's cluster, database, key, bucket or network would be lost (exit code
    7); `inferloop approve` allows that once. May be interrupted: the next one completes what is left.
    """
    from inferloop.bring_up import bring_up
    from inferloop.project import find_project
    from inferloop.sink import Sink

    sink = Sink.for_command(as_json=as_json)
    done = bring_up(
        find_project(),
        stack,
        sink=sink,
        wait=not no_wait,
        refresh=refresh,
        config_file=config_file,
        local_state=local_state,
    )
    data = {"stack": done.stack, "state": "up", "changes": done.changes, "duration_s": round(done.duration_s, 2)}
    if done.runs_here:
        sink.result({**data, "engine": done.engine, **done.outputs}, summarize(done))
    else:
        place = {"engine": done.engine, "backend": done.backend}
        sink.result({**data, **place, "outputs": done.outputs}, summarize_remote(done))


def summarize(done: "UpResult") -> str:
    """Return what a newcomer needs next: addresses, the key, a request that works as it stands, further commands."""
    from inferloop.own_command import own_command

    outputs = done.outputs
    command = own_command()
    argument = "" if done.stack == "dev" else f" {done.stack}"
    changes = f"{done.changes} change{'' if done.changes == 1 else 's'}" if done.changes else "nothing to change"
    lines = [f"stack {done.stack} is up: {changes} in {done.duration_s:.1f} s, with {done.engine}", ""]
    shards = outputs.get("shards")
    rows = (
        ("gateway", outputs.get("gateway_url")),
        ("console", outputs.get("console_url")),
        ("metrics", outputs.get("metrics_url")),
        ("prometheus", outputs.get("prometheus_url")),
        ("model", f"{outputs.get('model')} ({shards:.0f} shard{'' if shards == 1 else 's'})" if shards else None),
        ("data set", outputs.get("dataset_path")),
        ("key", f"{command} key{argument}"),
    )
    lines += [f"  {name:<10} {value}" for name, value in rows if value]
    if outputs.get("gateway_url"):
        lines += ["", "try it:", "", *(f"  {line}" for line in try_it(outputs, f"{command} key{argument}"))]
    lines += ["", f"next: {command} status{argument} · logs · console · plan · down"]
    return "\n".join(lines)


def summarize_remote(done: "UpResult") -> str:
    """Return what a platform engineer needs next: the outputs, where the state lies, further commands."""
    from inferloop.own_command import own_command
    from inferloop.remote_status import StackOutput

    command = own_command()
    changes = f"{done.changes} change{'' if done.changes == 1 else 's'}" if done.changes else "nothing to change"
    lines = [f"stack {done.stack} is up: {changes} in {done.duration_s:.1f} s, with {done.engine}", ""]
    width = max((len(name) for name in done.outputs), default=0)
    lines += [f"  {name:<{width}}  {StackOutput(name, value, False).text}" for name, value in done.outputs.items()]
    lines += ["", f"state: {done.backend}", f"next: {command} status {done.stack} · preview · down"]
    return "\n".join(lines)


def try_it(outputs: dict[str, object], key_command: str) -> list[str]:
    """Return a curl command that works when it is pasted into a shell, as its lines."""
    import json

    body = {
        "model": outputs.get("model"),
        "messages": [{"role": "user", "content": "What is the capital of France?"}],
        "max_tokens": 32,
        "temperature": 0,
    }
    return [
        f"curl -s {str(outputs['gateway_url']).rstrip('/')}/v1/chat/completions \\",
        f'  -H "Authorization: Bearer $({key_command})" -H "Content-Type: application/json" \\',
        f"  -d '{json.dumps(body)}'",
    ]
