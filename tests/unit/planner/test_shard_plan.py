import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inferloop_runtime.errors import ShardingError
from inferloop_runtime.serving.planner.memory import (
    GIB,
    MIB,
    kv_bytes_per_token_per_shard,
    overhead_bytes_per_shard,
    weights_bytes_per_shard,
)
from inferloop_runtime.serving.planner.model_shape import ModelShape, make_shape
from inferloop_runtime.serving.planner.plan_size import PlanSize
from inferloop_runtime.serving.planner.safetensors_header import TensorHeader
from inferloop_runtime.serving.planner.shard_plan import plan, plan_sizes, serving_dtype

from tests.support.model_files import LLAMA_3_8B, LLAMA_3_70B, SMOLLM2_135M, llama_tensors


def shape_of(config: dict[str, Any], dtype: str = "BF16") -> ModelShape:
    tensors = llama_tensors(config, dtype)
    return make_shape("m", config, [TensorHeader(name, kind, shape) for name, (kind, shape) in tensors.items()])


def gpu(name: str, count: int, gib: float, **options: Any) -> PlanSize:
    values = {"instance_type": name, "accelerator": name, "count": count, "memory_bytes": int(gib * GIB)}
    return PlanSize.model_validate({"name": name, **values, **options})


T4 = gpu("T4", 1, 15, bfloat16=False, usd_per_hour=0.5, fetch_bytes_per_s=625e6, copy_bytes_per_s=16e9)
V100 = gpu("V100", 1, 15.8, bfloat16=False, usd_per_hour=3.0, retired=True)
A100S = gpu("A100", 8, 40, usd_per_hour=22.0)

SHAPES = st.builds(
    lambda head, group, kv, layers, inner, vocabulary, tied: shape_of(
        {
            "hidden_size": head * kv * group,
            "intermediate_size": inner * kv,
            "num_hidden_layers": layers,
            "num_attention_heads": kv * group,
            "num_key_value_heads": kv,
            "vocab_size": vocabulary,
            "max_position_embeddings": 1 << 20,
            "tie_word_embeddings": tied,
        }
    ),
    head=st.sampled_from([16, 64, 128]),
    group=st.integers(1, 4),
    kv=st.integers(1, 8),
    layers=st.integers(1, 6),
    inner=st.integers(1, 700),
    vocabulary=st.integers(1, 5000),
    tied=st.booleans(),
)
SIZES = st.builds(gpu, st.just("GPU"), st.integers(1, 8), st.floats(0.5, 80))


@given(SHAPES)
def test_the_shards_together_hold_at_least_the_whole_model(shape: ModelShape) -> None:
    for degree in shape.degrees:
        each = weights_bytes_per_shard(shape, degree, 2)
        assert each * degree >= shape.size_bytes(2)
        assert each <= shape.size_bytes(2)
        assert kv_bytes_per_token_per_shard(shape, degree, 2) * degree == kv_bytes_per_token_per_shard(shape, 1, 2)


@given(SHAPES)
def test_more_shards_never_take_more_memory_each(shape: ModelShape) -> None:
    for fewer, more in itertools.pairwise(shape.degrees):
        if shape.vocabulary_size % more == 0:
            assert weights_bytes_per_shard(shape, more, 2) <= weights_bytes_per_shard(shape, fewer, 2)
        assert kv_bytes_per_token_per_shard(shape, more, 2) <= kv_bytes_per_token_per_shard(shape, fewer, 2)


@given(SHAPES, SIZES, st.integers(1, 50_000), st.integers(1, 50_000))
def test_a_longer_context_never_fits_more(shape: ModelShape, size: PlanSize, one: int, other: int) -> None:
    short, long = (plan(shape, size, context_tokens=context) for context in sorted((one, other)))
    assert short.fits or not long.fits
    if short.tensor_parallel == long.tensor_parallel:
        assert short.concurrent_sequences >= long.concurrent_sequences


@given(SHAPES, SIZES, st.integers(1, 50_000))
def test_a_plan_never_uses_more_than_is_usable(shape: ModelShape, size: PlanSize, context: int) -> None:
    result = plan(shape, size, context_tokens=context)
    used = result.weights_bytes_per_shard + result.overhead_bytes_per_shard + result.kv_bytes_per_shard
    assert result.tensor_parallel in result.allowed_degrees
    assert result.tensor_parallel * result.replicas <= size.count
    if result.fits:
        assert used <= result.usable_bytes_per_shard < result.memory_bytes_per_shard
        assert result.concurrent_sequences >= 1
        assert result.reason == ""
    else:
        assert result.reason


@given(SHAPES, SIZES)
def test_more_memory_never_fits_less(shape: ModelShape, size: PlanSize) -> None:
    more = size.model_copy(update={"memory_bytes": size.memory_bytes * 2})
    assert plan(shape, more).fits or not plan(shape, size).fits


def test_llama_3_8b_takes_what_was_computed_by_hand() -> None:
    shape = shape_of(LLAMA_3_8B)
    # Layers: 6,979,584,000 of matrices; tables: 2 x 525,336,576; vectors: 266,240; all at 2 bytes.
    assert weights_bytes_per_shard(shape, 1, 2) == 16_060_522_496
    assert weights_bytes_per_shard(shape, 4, 2) == (6_979_321_856 + 2 * 525_336_576) * 2 // 4 + 266_240 * 2
    # 2 (key, value) x 32 layers x 8 heads x 128 x 2 bytes.
    assert kv_bytes_per_token_per_shard(shape, 1, 2) == 131_072
    assert kv_bytes_per_token_per_shard(shape, 8, 2) == 16_384


def test_the_overhead_is_what_was_computed_by_hand() -> None:
    shape = shape_of(LLAMA_3_8B)
    # (2 x 4096 hidden + 48 heads x 128 + 2 x 14336 intermediate) x 4096 tokens x 2 bytes, and one row of logits.
    activations = (8192 + 6144 + 28672) * 4096 * 2
    whole = overhead_bytes_per_shard(shape, 1, 2, device="cuda", prefill_tokens=4096, sequences=1)
    assert whole == 768 * MIB + activations + 128256 * 4
    split = overhead_bytes_per_shard(shape, 8, 2, device="cuda", prefill_tokens=4096, sequences=1)
    assert split == 768 * MIB + 256 * MIB + (8192 + 768 + 3584) * 4096 * 2 + 128256 * 4
    cpu = overhead_bytes_per_shard(shape, 8, 2, device="cpu", prefill_tokens=4096, sequences=1)
    assert cpu == 720 * MIB + (8192 + 768 + 3584) * 4096 * 2 + 128256 * 4


def test_llama_3_8b_needs_more_than_a_t4_and_one_a100_will_do() -> None:
    small, large, xlarge = plan_sizes(shape_of(LLAMA_3_8B), [T4, V100, A100S])
    assert (small.fits, large.fits, xlarge.fits) == (False, False, True)
    assert "weights and overhead take" in small.reason
    assert small.fits_on == ("A100",)
    assert (xlarge.tensor_parallel, xlarge.replicas) == (1, 8)
    assert xlarge.kv_tokens == (int(40 * GIB * 0.9) - 16_060_522_496 - xlarge.overhead_bytes_per_shard) // 131_072


def test_llama_3_70b_is_split_over_all_eight_a100s() -> None:
    result = plan(shape_of(LLAMA_3_70B), A100S)
    assert result.fits
    assert (result.tensor_parallel, result.replicas) == (8, 1)
    assert result.weights_bytes_per_shard * 8 >= 141_107_412_992
    assert result.kv_bytes_per_token_per_shard == 2 * 80 * 1 * 128 * 2


def test_where_no_degree_has_room_for_a_batch_the_roomiest_is_taken() -> None:
    result = plan(shape_of(LLAMA_3_8B), gpu("GPU", 2, 13), context_tokens=8192)
    assert (result.fits, result.tensor_parallel) == (True, 2)
    assert result.concurrent_sequences < 8


def test_smollm2_fits_everywhere_and_the_cheapest_comes_first() -> None:
    too_small = gpu("Tiny", 1, 0.5)
    plans = plan_sizes(shape_of(SMOLLM2_135M), [A100S, T4, V100, too_small])
    assert [entry.fits for entry in plans] == [True, True, True, False]
    # A size that is no longer sold is not proposed.
    assert plans[-1].fits_on == ("T4", "A100")
    # 269,030,016 stored bytes at 625 MB/s, then as many at 16 GB/s.
    assert plans[1].cold_start_s == 0.4
    assert plans[0].cold_start_s is None


def test_a_context_that_does_not_fit_is_the_reason() -> None:
    long = {**SMOLLM2_135M, "max_position_embeddings": 1_000_000}
    result = plan(shape_of(long), T4, context_tokens=1_000_000)
    assert not result.fits
    assert "a context of 1000000 tokens takes" in result.reason


def test_the_models_own_limit_bounds_the_context() -> None:
    assert plan(shape_of({**SMOLLM2_135M, "max_position_embeddings": 512}), T4).context_tokens == 512


def test_an_impossible_degree_is_refused_with_those_that_work() -> None:
    shape = shape_of(SMOLLM2_135M)
    with pytest.raises(ShardingError, match="possible are 1, 3"):
        plan(shape, gpu("GPU", 2, 16), degree=2)
    with pytest.raises(ShardingError, match="too few for 3 shards"):
        plan(shape, gpu("GPU", 2, 16), degree=3)
    assert plan(shape, gpu("GPU", 3, 16), degree=3).tensor_parallel == 3


@pytest.mark.parametrize(
    ("stored", "device", "bfloat16", "expected"),
    [
        ("BF16", "cuda", True, "bfloat16"),
        ("BF16", "cuda", False, "float16"),
        ("F16", "cuda", True, "float16"),
        ("F32", "cuda", True, "bfloat16"),
        ("F32", "cpu", True, "float32"),
        ("BF16", "cpu", True, "bfloat16"),
        ("BF16", "cpu", False, "float32"),
    ],
)
def test_the_dtype_is_one_that_the_device_computes_in(stored: str, device: str, bfloat16: bool, expected: str) -> None:
    size = gpu("X", 1, 16, device=device, bfloat16=bfloat16)
    assert serving_dtype(shape_of(SMOLLM2_135M, stored), size) == expected


def test_shards_on_a_cpu_share_the_hosts_memory() -> None:
    shape = shape_of(SMOLLM2_135M)
    host = gpu("CPU", 3, 12, device="cpu")
    result = plan(shape, host, degree=3)
    assert result.memory_bytes_per_shard == 4 * GIB
    assert result.usable_bytes_per_shard == 3 * GIB
    assert result.replicas == 1


def test_the_stack_output_does_not_depend_on_the_machines_memory() -> None:
    shape = shape_of(SMOLLM2_135M)
    outputs = [plan(shape, gpu("CPU", 3, memory, device="cpu"), degree=3).as_stack_output() for memory in (8, 16)]
    assert outputs[0] == outputs[1]
    assert outputs[0]["allowed_degrees"] == [1, 3]
    assert outputs[0]["weights_bytes_per_shard"] == weights_bytes_per_shard(shape, 3, 2)


def test_the_prediction_for_a_shard_is_what_its_tensors_sum_to() -> None:
    shape = shape_of(SMOLLM2_135M)
    tensors = llama_tensors(SMOLLM2_135M)
    expected = 0
    for _, dimensions in tensors.values():
        size = 2
        for dimension in dimensions:
            size *= dimension
        expected += size // 3 if len(dimensions) == 2 else size
    assert weights_bytes_per_shard(shape, 3, 2) == expected
