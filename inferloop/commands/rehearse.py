"""`inferloop rehearse`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from inferloop.commands.options import JsonOption


def rehearse(
    stack: Annotated[str, typer.Argument(help="The stack, one of stacks/config/Pulumi.<stack>.yaml.")],
    config_file: Annotated[
        Path | None, typer.Option(help="Use this stack configuration instead of the repository's.")
    ] = None,
    official: Annotated[
        bool, typer.Option("--official", help="Use official provider plugins where they are found, instead of our own.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave stack and emulators running after `up`, and print their endpoints.")
    ] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Destroy what --keep left, and end its emulators.")] = False,
    fail: Annotated[
        list[str] | None,
        typer.Option(
            help="Make a call go wrong once: OPERATION:TYPE:N[:fail|throttle|timeout], such as "
            "create:aws:rds/instance:Instance:2. May be given several times."
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="The setting that the update changes, KEY=VALUE, such as gateway.replicas=3."),
    ] = None,
    repeat_noop: Annotated[int, typer.Option(min=1, help="How often `up` must find nothing to do, in a row.")] = 1,
    report: Annotated[Path | None, typer.Option(help="Write the report as one HTML page here, too.")] = None,
    objects: Annotated[
        Path | None, typer.Option(help="Write the cluster's objects after `up` here as JSON; it holds secrets.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a stack's whole life on this machine, with no account: up, drift, update, rollback, destroy, nothing left.

    The engine is the real one; moto stands in for AWS, and a real Kubernetes API server with simulated nodes for the
    cluster. The exit status is 0 only where every step was as it must be.
    """
    from inferloop.errors import RehearsalRefusedError
    from inferloop.project import find_project
    from inferloop.sink import Sink

    try:
        from inferloop.rehearsal.run import Rehearsal
        from inferloop.rehearsal.run import keep as keep_running
        from inferloop.rehearsal.run import rehearse as run_all
        from inferloop.rehearsal.run import stop as stop_kept
        from inferloop.rehearsal.subject import subject_of
        from inferloop.rehearsal.workspace import open_workspace
        from stacks.rehearsal.plugins.faults import Fault
    except ModuleNotFoundError as error:
        raise RehearsalRefusedError(
            f"a rehearsal needs {error.name}, which is not installed; `make setup-all` installs it"
        ) from None

    if stop and (keep or fail or set_ or official or objects):
        raise typer.BadParameter("--stop ends what was kept; of the other options only --json and --report go with it")
    sink = Sink.for_command(as_json=as_json)
    faults = [Fault.parse(text) for text in fail or ()]
    if stop:
        # Settings that have become wrong meanwhile must not keep it running.
        ended = stop_kept(open_workspace(find_project(), stack, config_file=config_file), sink=sink)
        if ended is None:
            sink.result({"stack": stack, "stopped": False}, f"no rehearsal of {stack} was kept")
            return
        _show(ended, sink, report)
        return
    subject = subject_of(find_project(), stack, config_file)
    rehearsal = Rehearsal(
        pools=subject.pools,
        definitions=subject.definitions,
        region=subject.region,
        change=_changes(set_) if set_ else subject.change,
        official=official,
        faults=faults,
        no_ops=repeat_noop,
        objects=objects,
    )
    _show((keep_running if keep else run_all)(subject.workspace, rehearsal, sink=sink), sink, report)


def _changes(given: list[str]) -> dict[str, Any]:
    import yaml

    changes = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{text!r}: write KEY=VALUE, such as gateway.replicas=3", param_hint="--set")
        changes[key] = yaml.safe_load(value)
    return changes


def _show(report: Any, sink: Any, page: Path | None) -> None:
    from components.local.files import write_atomically
    from inferloop.errors import RehearsalFailedError
    from stacks.rehearsal.report import Outcome
    from stacks.rehearsal.report_page import as_page
    from stacks.rehearsal.report_table import as_text

    if page is not None:
        write_atomically(page, as_page(report))
    sink.result(report.document(), as_text(report))
    failed = [step.title for step in report.steps if step.outcome is Outcome.FAILED]
    if failed:
        raise RehearsalFailedError(f"the rehearsal of {report.stack} was not as it must be: {', '.join(failed)}")
