"""`inferloop plan`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inferloop.commands.options import JsonOption

if TYPE_CHECKING:
    from inferloop_runtime.serving.planner.model_shape import ModelShape
    from inferloop_runtime.serving.planner.shard_plan import ShardPlan


def plan(
    model: Annotated[str, typer.Argument(help="A local model folder or a hub id, such as owner/name.")],
    sizes: Annotated[
        list[str] | None, typer.Option("--size", help="A size or machine type of the catalog; may be repeated.")
    ] = None,
    context_tokens: Annotated[
        int | None, typer.Option(min=1, help="The longest prompt and output together; 4096 where not given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Plan how a model is split and whether it fits, without loading it, for the four sizes or for others."""
    from inferloop_runtime.errors import InferloopError as RuntimeInferloopError
    from inferloop_runtime.serving.planner.hub_shape import shape_of_model
    from inferloop_runtime.serving.planner.plan_size import PlanSize
    from inferloop_runtime.serving.planner.shard_plan import plan_sizes

    from components.catalog.machines import load_catalog
    from components.errors import InferloopError
    from inferloop.sink import Sink

    catalog = load_catalog()
    wanted = [PlanSize.model_validate(catalog.planner_input(name)) for name in sizes or catalog.sizes]
    try:
        shape = shape_of_model(model)
    except RuntimeInferloopError as error:
        raise InferloopError(str(error)) from error
    plans = plan_sizes(shape, wanted, context_tokens=context_tokens)
    Sink.for_command(as_json=as_json).result(as_data(shape, plans), as_text(shape, plans))


def as_data(shape: "ModelShape", plans: "Sequence[ShardPlan]") -> dict[str, Any]:
    """Return the plans as JSON values."""
    return {
        "model": shape.model,
        "parameters": shape.parameter_count,
        "stored_dtype": shape.stored_dtype,
        "stored_bytes": shape.stored_bytes,
        "allowed_degrees": list(shape.degrees),
        "sizes": [plan.as_json() for plan in plans],
    }


def as_text(shape: "ModelShape", plans: "Sequence[ShardPlan]") -> str:
    """Return the plans as a table, with what is to be known of each size below it."""
    import io

    from inferloop_runtime.serving.planner.plan_text import summary
    from rich.console import Console
    from rich.table import Table

    gib = 2**30
    table = Table(title=f"{shape.model}: {shape.parameter_count / 1e6:,.1f} M parameters in {shape.stored_dtype}")
    for heading in ("size", "machine", "degree", "dtype"):
        table.add_column(heading)
    for heading in ("weights", "overhead", "cache", "GiB per GPU", "sequences", "cold start", "USD/h"):
        table.add_column(heading, justify="right")
    for plan in plans:
        table.add_row(
            plan.size,
            f"{plan.accelerator_count} x {plan.accelerator}\n{plan.instance_type}",
            f"{plan.tensor_parallel}" + (f" ({plan.replicas} replicas)" if plan.replicas > 1 else ""),
            plan.dtype,
            f"{plan.weights_bytes_per_shard / gib:.2f}",
            f"{plan.overhead_bytes_per_shard / gib:.2f}",
            f"{plan.kv_bytes_per_shard / gib:.2f}",
            f"{plan.memory_bytes_per_shard / gib:.2f}",
            f"{plan.concurrent_sequences:,}" if plan.fits else "does not fit",
            "" if plan.cold_start_s is None else f"{plan.cold_start_s:.1f} s",
            "" if plan.usd_per_hour is None else f"{plan.usd_per_hour:.3f}",
        )
    # Wide enough for every column, whatever the terminal: rich would cut the figures.
    output = io.StringIO()
    Console(file=output, width=140).print(table)
    lines = [f"{plan.size}: {summary(plan)}" + (f" ({plan.note})" if plan.note else "") for plan in plans]
    return output.getvalue() + "\n".join(lines)
