"""`inferloop-runtime plan`."""

from pathlib import Path
from typing import Annotated

import typer


def plan(
    model: Annotated[str, typer.Argument(help="A local model folder or a hub id, such as owner/name.")],
    sizes: Annotated[Path | None, typer.Option(help="A JSON list of sizes to plan for; without it: this host.")] = None,
    shards: Annotated[int, typer.Option(min=1, help="Shard processes on this host.")] = 1,
    context_tokens: Annotated[int | None, typer.Option(min=1, help="The longest prompt and output together.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Plan how a model is split and whether it fits, from its config and safetensors headers alone."""
    import json

    from inferloop_runtime.serving.planner.host import host_size
    from inferloop_runtime.serving.planner.hub_shape import shape_of_model
    from inferloop_runtime.serving.planner.plan_size import load_sizes
    from inferloop_runtime.serving.planner.plan_text import plan_lines
    from inferloop_runtime.serving.planner.shard_plan import plan as plan_one
    from inferloop_runtime.serving.planner.shard_plan import plan_sizes

    if sizes is not None and shards != 1:
        raise typer.BadParameter("--shards is for this host; a size's file says how many accelerators it has")
    wanted = None if sizes is None else load_sizes(sizes)
    shape = shape_of_model(model)
    if wanted is None:
        plans = [plan_one(shape, host_size(shards), context_tokens=context_tokens, degree=shards)]
    else:
        plans = plan_sizes(shape, wanted, context_tokens=context_tokens)
    if not as_json:
        for line in plan_lines(shape, plans):
            print(line)
    elif wanted is None:
        print(json.dumps(plans[0].as_stack_output()))
    else:
        print(json.dumps([entry.as_json() for entry in plans]))
