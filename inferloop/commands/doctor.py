"""`inferloop doctor`."""

from inferloop.commands.options import JsonOption


def doctor(as_json: JsonOption = False) -> int:
    """Check every prerequisite and print what mends each; install nothing. The exit code is 1 where one is wanting."""
    from rich.console import Console

    from inferloop.prerequisites import examine, table
    from inferloop.project import find_project
    from inferloop.sink import Sink

    report = examine(find_project())
    if as_json:
        Sink.for_command(as_json=True).result(report, "")
    else:
        Console().print(table(report))
    return 0 if report["ok"] else 1
