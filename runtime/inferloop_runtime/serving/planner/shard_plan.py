"""Plan how a model is split over a machine's accelerators, and whether it fits."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from inferloop_runtime.errors import ShardingError
from inferloop_runtime.serving.planner.memory import (
    GIB,
    kv_bytes_per_token_per_shard,
    overhead_bytes_per_shard,
    usable_bytes,
    weights_bytes_per_shard,
)
from inferloop_runtime.serving.planner.model_shape import ModelShape
from inferloop_runtime.serving.planner.plan_size import PlanSize

# TGI's default for the tokens that are prefilled together (`--max-batch-prefill-tokens`).
_PREFILL_TOKENS = 4096

# Batches of fewer sequences leave most of an accelerator's arithmetic idle while it reads the weights.
_WANTED_SEQUENCES = 8


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """One model on one size.

    Bytes are per accelerator (on a CPU per process). `replicas` copies of the model fit side by side on the machine;
    `kv_tokens` and `concurrent_sequences` (of `context_tokens` each) are one replica's. `cold_start_s` is the time to
    fetch and load the weights, without the machine's own start. `reason` tells why a plan does not fit, and `fits_on`
    which sizes would do.
    """

    model: str
    size: str
    instance_type: str
    accelerator: str
    accelerator_count: int
    fits: bool
    reason: str
    fits_on: tuple[str, ...]
    dtype: str
    allowed_degrees: tuple[int, ...]
    tensor_parallel: int
    replicas: int
    context_tokens: int
    memory_bytes_per_shard: int
    usable_bytes_per_shard: int
    weights_bytes_per_shard: int
    overhead_bytes_per_shard: int
    kv_bytes_per_token_per_shard: int
    kv_bytes_per_shard: int
    kv_tokens: int
    concurrent_sequences: int
    cold_start_s: float | None
    usd_per_hour: float | None
    retired: bool
    note: str

    def as_json(self) -> dict[str, Any]:
        """Return the plan as JSON values, in the order of the fields."""
        return asdict(self)

    def as_stack_output(self) -> dict[str, Any]:
        """Return the part that depends on the model and the degree alone, not on this machine's free memory."""
        return {
            "model": self.model,
            "accelerator": self.accelerator,
            "dtype": self.dtype,
            "tensor_parallel": self.tensor_parallel,
            "allowed_degrees": list(self.allowed_degrees),
            "weights_bytes_per_shard": self.weights_bytes_per_shard,
            "kv_bytes_per_token_per_shard": self.kv_bytes_per_token_per_shard,
            "overhead_bytes_per_shard": self.overhead_bytes_per_shard,
            "context_tokens": self.context_tokens,
            "fits": self.fits,
            "reason": self.reason,
        }


def serving_dtype(shape: ModelShape, size: PlanSize) -> Literal["float32", "float16", "bfloat16"]:
    """Return the dtype in which a model is served on a size.

    Models that are stored in 16 bits keep them: bfloat16 becomes float16 on GPUs without it (compute capability below
    8.0) and float32 on CPUs without it. Models in float32 stay so on a CPU, and are halved on a GPU, as TGI does.
    """
    if size.device == "cpu":
        return "bfloat16" if size.bfloat16 and shape.stored_dtype not in ("F32", "F64") else "float32"
    if shape.stored_dtype == "F16" or not size.bfloat16:
        return "float16"
    return "bfloat16"


def plan(
    shape: ModelShape, size: PlanSize, *, context_tokens: int | None = None, degree: int | None = None
) -> ShardPlan:
    """Plan one model on one size.

    The smallest degree that has room for eight sequences is chosen, since every further shard costs communication;
    where none has, the one with room for most; where none fits, the largest possible one with the reason.
    `context_tokens` (default: 4096, or the model's own limit if smaller) is the longest prompt and output that must
    fit. Raises ShardingError where `degree` is given and is not possible.
    """
    context = min(context_tokens or 4096, shape.max_position_embeddings)
    possible = [candidate for candidate in shape.degrees if candidate <= size.count]
    if degree is not None:
        if degree not in shape.degrees:
            raise ShardingError(
                f"{shape.model} cannot be split over {degree} shards: it has {shape.heads} attention heads and "
                f"{shape.key_value_heads} key/value heads; possible are {', '.join(map(str, shape.degrees))}"
            )
        if degree > size.count:
            raise ShardingError(f"{size.name} has {size.count} {size.accelerator}, too few for {degree} shards")
        possible = [degree]
    plans = [_plan_degree(shape, size, context, candidate) for candidate in possible]
    roomy = (candidate for candidate in plans if candidate.concurrent_sequences >= _WANTED_SEQUENCES)
    # Of equals the last one is taken, so that a plan that does not fit shows the largest degree.
    return next(roomy, max(reversed(plans), key=lambda candidate: candidate.concurrent_sequences))


def plan_sizes(shape: ModelShape, sizes: Sequence[PlanSize], *, context_tokens: int | None = None) -> list[ShardPlan]:
    """Plan one model on several sizes; plans that do not fit name the sizes that do, the cheapest first."""
    plans = [plan(shape, size, context_tokens=context_tokens) for size in sizes]
    fitting = sorted(
        (candidate for candidate in plans if candidate.fits and not candidate.retired),
        key=lambda candidate: candidate.usd_per_hour or 0.0,
    )
    names = tuple(candidate.size for candidate in fitting)
    return [candidate if candidate.fits else replace(candidate, fits_on=names) for candidate in plans]


def _plan_degree(shape: ModelShape, size: PlanSize, context: int, degree: int) -> ShardPlan:
    dtype = serving_dtype(shape, size)
    width = 4 if dtype == "float32" else 2
    # On a CPU the shards are processes that share the host's memory.
    memory = size.memory_bytes // degree if size.device == "cpu" else size.memory_bytes
    usable = usable_bytes(memory, size.device)
    weights = weights_bytes_per_shard(shape, degree, width)
    overhead = overhead_bytes_per_shard(
        shape,
        degree,
        width,
        device=size.device,
        prefill_tokens=max(_PREFILL_TOKENS, context),
        sequences=max(1, _PREFILL_TOKENS // context),
    )
    kv_token = kv_bytes_per_token_per_shard(shape, degree, width)
    room = max(0, usable - weights - overhead)
    kv_tokens = room // kv_token
    fits = kv_tokens >= context
    return ShardPlan(
        model=shape.model,
        size=size.name,
        instance_type=size.instance_type,
        accelerator=size.accelerator,
        accelerator_count=size.count,
        fits=fits,
        reason="" if fits else _reason(size, degree, usable, weights, overhead, kv_token * context, context),
        fits_on=(),
        dtype=dtype,
        allowed_degrees=shape.degrees,
        tensor_parallel=degree,
        replicas=size.count // degree if size.device == "cuda" else 1,
        context_tokens=context,
        memory_bytes_per_shard=memory,
        usable_bytes_per_shard=usable,
        weights_bytes_per_shard=weights,
        overhead_bytes_per_shard=overhead,
        kv_bytes_per_token_per_shard=kv_token,
        kv_bytes_per_shard=kv_tokens * kv_token,
        kv_tokens=kv_tokens,
        concurrent_sequences=kv_tokens // context,
        cold_start_s=_cold_start_s(shape, size, weights),
        usd_per_hour=size.usd_per_hour,
        retired=size.retired,
        note=size.note,
    )


def _reason(size: PlanSize, degree: int, usable: int, weights: int, overhead: int, kv: int, context: int) -> str:
    where = f"{size.accelerator} at degree {degree}"
    if weights + overhead > usable:
        return (
            f"weights and overhead take {(weights + overhead) / GIB:.1f} GiB of each {where}, "
            f"and {usable / GIB:.1f} GiB are usable"
        )
    return (
        f"a context of {context} tokens takes {kv / GIB:.1f} GiB of cache on each {where}, "
        f"and {(usable - weights - overhead) / GIB:.1f} GiB are left beside the weights"
    )


def _cold_start_s(shape: ModelShape, size: PlanSize, weights_per_shard: int) -> float | None:
    """Return fetch time of the stored weights plus copy time of one shard's part (shards copy side by side)."""
    if size.fetch_bytes_per_s is None or size.copy_bytes_per_s is None:
        return None
    return round(shape.stored_bytes / size.fetch_bytes_per_s + weights_per_shard / size.copy_bytes_per_s, 1)
