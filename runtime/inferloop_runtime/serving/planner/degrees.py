"""Tensor-parallel degrees in which a model can be split evenly."""

import math
from collections.abc import Mapping
from typing import Any

from inferloop_runtime.errors import ShardingError


def allowed_degrees(config: Mapping[str, Any]) -> tuple[int, ...]:
    """Return every tensor-parallel degree that works for a model, smallest first; 1 is always among them.

    `config` is the content of a `config.json` (for a multimodal model its `text_config` is read). A degree must divide
    the attention heads, the key/value heads (these are never copied to several shards) and the intermediate size.
    """
    text = config.get("text_config", config)
    heads = int(text.get("num_attention_heads") or 1)
    key_value_heads = int(text.get("num_key_value_heads") or heads)
    intermediate = int(text.get("intermediate_size") or heads)
    common = math.gcd(heads, key_value_heads, intermediate)
    return tuple(degree for degree in range(1, common + 1) if common % degree == 0)


def require_degree(config: Mapping[str, Any], degree: int) -> None:
    """Refuse a degree in which the model cannot be split.

    Raises ShardingError that names the degrees that work.
    """
    allowed = allowed_degrees(config)
    if degree in allowed:
        return
    text = config.get("text_config", config)
    heads = text.get("num_attention_heads")
    raise ShardingError(
        f"the model cannot be split over {degree} shards: it has {heads} attention heads, "
        f"{text.get('num_key_value_heads') or heads} key/value heads and an intermediate size of "
        f"{text.get('intermediate_size')}; set `shards` to one of {', '.join(map(str, allowed))}"
    )
