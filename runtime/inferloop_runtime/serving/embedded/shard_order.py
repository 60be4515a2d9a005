"""What the engine tells a shard process."""

from dataclasses import dataclass

# The longest message between the engine and the shards' host, in bytes.
MESSAGE_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class ShardOrder:
    """Which shard a process is, what it loads and where it meets the others; it holds no secret.

    `rows` and `length` are the size of the cache in requests and tokens. `dtype` is torch's name of a type, or `auto:`
    and the type that the weights are stored in.
    """

    rank: int
    shards: int
    model_path: str
    device: str
    dtype: str
    threads: int
    rows: int
    length: int
    eos_token_ids: list[int]
    rendezvous: str
