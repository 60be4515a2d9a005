"""The command line `inferloop`."""

import sys
from typing import Annotated

import typer

from components.errors import InferloopError
from inferloop.commands import (
    approve,
    console,
    doctor,
    down,
    key,
    logs,
    plan,
    preview,
    rehearse,
    reuse,
    settings,
    status,
    up,
)

# Flags of the whole program; they are understood behind a command's name too.
_GLOBAL_FLAGS = ("--debug", "--quiet")
_FILE_ERROR = 74  # EX_IOERR of <sysexits.h>
_INTERNAL_ERROR = 70  # EX_SOFTWARE of <sysexits.h>

app = typer.Typer(
    name="inferloop",
    help="Deploy and look after text-generation services. `inferloop up` starts the development stack here.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("up")(up.up)
app.command("preview")(preview.preview)
app.command("approve")(approve.approve)
app.command("down")(down.down)
app.command("status")(status.status)
app.command("logs")(logs.logs)
app.command("key")(key.key)
app.command("console")(console.console)
app.command("plan")(plan.plan)
app.command("doctor")(doctor.doctor)
app.command("rehearse")(rehearse.rehearse)
app.command("reuse")(reuse.reuse)
app.add_typer(settings.app, name="settings")


@app.callback()
def _flags(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print neither results nor progress, only errors.")] = False,
) -> None:
    from inferloop.sink import Mode, set_default_mode

    set_default_mode(Mode.QUIET if quiet else Mode.HUMAN)


def main() -> None:
    """Run the command line; an expected failure becomes one message on standard error and its exit code."""
    rest = [argument for argument in sys.argv[1:] if argument not in _GLOBAL_FLAGS]
    debug = "--debug" in sys.argv[1:]
    arguments = [flag for flag in _GLOBAL_FLAGS if flag in sys.argv[1:]] + rest
    try:
        app(arguments)
    except InferloopError as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        if debug:
            raise
        print(
            f"error: {error.strerror or error}: {error.filename or 'a file'}; mend that, then try again",
            file=sys.stderr,
        )
        sys.exit(_FILE_ERROR)
    except Exception as error:
        if debug:
            raise
        print(
            f"error: unexpected {type(error).__name__}: {error}\n"
            "this is a fault in Inferloop; run the command again with --debug and report what it prints",
            file=sys.stderr,
        )
        sys.exit(_INTERNAL_ERROR)


if __name__ == "__main__":
    main()
