"""Attention over the slot cache, plugged into transformers' models by its attention interface."""

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

from inferloop_runtime.serving.embedded.kv_slots import KeyValueSlots
from inferloop_runtime.serving.embedded.step import StepLayout

ATTENTION_NAME = "inferloop_slots"


def slot_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    layout: StepLayout | None = None,
    slots: KeyValueSlots | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Store a step's keys and values, then let each token attend to its own row of the cache.

    Shapes: query (1, heads, tokens, head size), key and value (1, key/value heads, tokens, head size); the result is
    (1, tokens, heads, head size). Decoding rows go in one call, with the query heads of a key/value head as its
    queries, so grouped keys are never copied; prompt segments go one by one.
    """
    if layout is None or slots is None:
        raise RuntimeError("slot attention runs only in a shard's step")
    layer = module.layer_idx
    slots.write(layer, layout.places, key[0].transpose(0, 1), value[0].transpose(0, 1))
    keys, values = slots.keys[layer], slots.values[layer]
    heads, head_size = query.shape[1], query.shape[3]
    key_heads = key.shape[1]
    pieces = []
    if count := layout.decoding:
        rows = query[0, :, :count].transpose(0, 1).reshape(count, key_heads, heads // key_heads, head_size)
        mask = layout.decode_mask
        output = scaled_dot_product_attention(
            rows,
            keys[:count, : layout.decode_length].transpose(1, 2),
            values[:count, : layout.decode_length].transpose(1, 2),
            attn_mask=None if mask is None else mask.expand(count, 1, heads // key_heads, layout.decode_length),
            scale=scaling,
        )
        pieces.append(output.reshape(count, heads, head_size))
    for offset, size, row, start in layout.segments:
        output = scaled_dot_product_attention(
            query[:, :, offset : offset + size],
            keys[row : row + 1, : start + size].transpose(1, 2),
            values[row : row + 1, : start + size].transpose(1, 2),
            attn_mask=_segment_mask(start, size, query.device) if start else None,
            is_causal=start == 0,
            scale=scaling,
            enable_gqa=heads != key_heads,
        )
        pieces.append(output[0].transpose(0, 1))
    return (pieces[0] if len(pieces) == 1 else torch.cat(pieces)).unsqueeze(0), None


def _segment_mask(start: int, size: int, device: torch.device) -> torch.Tensor:
    """Let token i of a later part of a prompt see all before the part and the part up to itself."""
    return torch.ones(size, start + size, dtype=torch.bool, device=device).tril_(diagonal=start)
