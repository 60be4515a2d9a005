"""Memory of one shard: weights, key/value cache and what else the engine takes. All sizes are in bytes."""

from typing import Literal

from inferloop_runtime.serving.planner.model_shape import ModelShape

MIB = 2**20
GIB = 2**30

# TGI keeps a tenth of a GPU free for what its own measure of the peak misses (fragmentation, mostly): TGI_WIGGLE_ROOM,
# https://github.com/huggingface/text-generation-inference/blob/v3.3.7/server/text_generation_server/models/globals.py
USABLE_GPU_FRACTION = 0.90

# The operating system, the page cache and the other processes of a small stack get the rest.
USABLE_HOST_FRACTION = 0.75

# Measured: resident memory of a Python 3.11 process after `import torch, transformers` (torch 2.15, x86-64).
_CPU_PROCESS_BYTES = 720 * MIB

# CUDA context, loaded kernels and cuBLAS workspaces of one process: an assumption, a little above the 0.4 to 0.7 GiB
# that nvidia-smi shows for an idle PyTorch process. Compare it with a measured value before relying on the last GiB.
_CUDA_PROCESS_BYTES = 768 * MIB

# NCCL's buffers, where shards talk to each other: 4 MiB (NCCL_BUFFSIZE) for each of up to 32 channels, both ways.
# https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/env.html
_NCCL_BYTES = 2 * 32 * 4 * MIB


def weights_bytes_per_shard(shape: ModelShape, degree: int, bytes_per_parameter: int) -> int:
    """Return the weights that one of `degree` shards holds.

    Matrices of the layers are split evenly (Megatron-LM, https://arxiv.org/abs/1909.08053), vectors are held by every
    shard, and the vocabulary's tables are split where the degree divides the vocabulary.
    """
    vocabulary = shape.vocabulary_group.size_bytes(bytes_per_parameter)
    if shape.vocabulary_size % degree == 0:
        vocabulary = -(-vocabulary // degree)
    layers = -(-shape.layers_group.size_bytes(bytes_per_parameter) // degree)
    return layers + vocabulary + shape.replicated_group.size_bytes(bytes_per_parameter)


def kv_bytes_per_token_per_shard(shape: ModelShape, degree: int, bytes_per_element: int) -> int:
    """Return what one token takes in one shard's cache: a key and a value for each layer and key/value head.

    Two times layers, heads, head size and bytes an element (PagedAttention, https://arxiv.org/abs/2309.06180, section
    3), with the model's own key/value heads (grouped-query attention, https://arxiv.org/abs/2305.13245) divided among
    the shards.
    """
    return 2 * shape.layers * (shape.key_value_heads // degree) * shape.head_size * bytes_per_element


def overhead_bytes_per_shard(
    shape: ModelShape,
    degree: int,
    bytes_per_element: int,
    *,
    device: Literal["cuda", "cpu"],
    prefill_tokens: int,
    sequences: int,
) -> int:
    """Return what a shard needs besides weights and cache.

    The process itself, the communication buffers, the largest set of activations that live together while
    `prefill_tokens` go through one layer (residual and normed input, queries, keys and values, both halves of the
    gated intermediate), and float32 logits of the last position of each sequence.
    """
    attention = (shape.heads + 2 * shape.key_value_heads) * shape.head_size // degree
    live = 2 * shape.hidden_size + attention + 2 * shape.intermediate_size // degree
    activations = prefill_tokens * live * bytes_per_element
    logits = sequences * shape.vocabulary_size * 4
    process = _CUDA_PROCESS_BYTES if device == "cuda" else _CPU_PROCESS_BYTES
    communication = _NCCL_BYTES if device == "cuda" and degree > 1 else 0
    return process + communication + activations + logits


def usable_bytes(memory_bytes: int, device: Literal["cuda", "cpu"]) -> int:
    """Return how much of a device's memory may be planned with."""
    fraction = USABLE_GPU_FRACTION if device == "cuda" else USABLE_HOST_FRACTION
    return int(memory_bytes * fraction)
