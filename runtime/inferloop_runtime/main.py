"""The command line `inferloop-runtime`: the entry points of the image."""

import sys

import typer

from inferloop_runtime.commands import capture, gateway, key, metrics, migrate, model, plan, probe, serve, weights
from inferloop_runtime.errors import InferloopError

app = typer.Typer(
    name="inferloop-runtime",
    help="Serve a model, put the gateway before it, capture data, migrate the database.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("gateway")(gateway.gateway)
app.command("metrics")(metrics.metrics)
app.command("plan")(plan.plan)
app.command("probe")(probe.probe)
app.add_typer(capture.app, name="capture")
app.add_typer(key.app, name="key")
app.add_typer(migrate.app, name="migrate")
app.add_typer(model.app, name="model")
app.add_typer(weights.app, name="weights")


def main() -> None:
    """Run the command line; an expected failure becomes one line on standard error and its exit code."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(arguments)
    except InferloopError as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
