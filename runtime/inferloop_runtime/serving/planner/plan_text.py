"""Show plans to a person, line by line."""

from collections.abc import Iterator, Sequence

from inferloop_runtime.serving.planner.memory import GIB
from inferloop_runtime.serving.planner.model_shape import ModelShape
from inferloop_runtime.serving.planner.shard_plan import ShardPlan


def plan_lines(shape: ModelShape, plans: Sequence[ShardPlan]) -> Iterator[str]:
    """Yield a line about the model and a few about each plan."""
    dtypes = ", ".join(f"{count / 1e6:,.1f} M {name}" for name, count in shape.parameters.items())
    yield (
        f"{shape.model}: {dtypes} parameters, {shape.layers} layers, {shape.heads} heads "
        f"({shape.key_value_heads} key/value), degrees {', '.join(map(str, shape.degrees))}"
    )
    for plan in plans:
        yield f"{plan.size} ({plan.instance_type}, {plan.accelerator_count} x {plan.accelerator}): {summary(plan)}"
        yield (
            f"  {plan.tensor_parallel} x {plan.dtype} shards, each {_gib(plan.weights_bytes_per_shard)} weights + "
            f"{_gib(plan.overhead_bytes_per_shard)} overhead + {_gib(plan.kv_bytes_per_shard)} cache "
            f"of {_gib(plan.memory_bytes_per_shard)}"
        )


def summary(plan: ShardPlan) -> str:
    """Say in one line whether a plan fits, for how many sequences, or what would."""
    if plan.fits:
        return (
            f"fits {plan.concurrent_sequences:,} sequences of {plan.context_tokens:,} tokens"
            f"{f' in each of {plan.replicas} replicas' if plan.replicas > 1 else ''}"
        )
    instead = f"; {', '.join(plan.fits_on)} would do" if plan.fits_on else ""
    return f"does not fit: {plan.reason}{instead}"


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / GIB:.2f} GiB"
