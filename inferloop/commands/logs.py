"""`inferloop logs`."""

from typing import Annotated

import typer


def logs(
    process: Annotated[str | None, typer.Argument(help="One process; all where it is left out.")] = None,
    stack: Annotated[str, typer.Option(help="The stack.")] = "dev",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written from now on.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many last lines of each log to show.")] = 20,
) -> None:
    """Show the logs of a stack's processes."""
    import contextlib

    from inferloop import log_files
    from inferloop.project import check_stack_name, find_project
    from inferloop.stack_status import stack_dir_of
    from inferloop.state import read_state

    check_stack_name(stack)
    project = find_project()
    log_dir = stack_dir_of(project, stack, read_state(project.home, stack)) / "log"
    selected = log_files.select_logs(log_dir, process)
    width = max(map(len, selected))

    def write(name: str, line: str) -> None:
        print(f"{name:<{width}} | {line}" if len(selected) > 1 else line, flush=True)

    followers = {name: log_files.Follower(path) for name, path in selected.items()}
    for name, path in selected.items():
        for line in log_files.last_lines(path, lines):
            write(name, line)
    if follow:
        with contextlib.suppress(KeyboardInterrupt):
            log_files.follow(followers, write)
