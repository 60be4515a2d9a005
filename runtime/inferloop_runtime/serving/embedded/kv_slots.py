"""The key/value cache of one shard: a fixed number of rows, one a running request."""

from typing import Any

import torch


class KeyValueSlots:
    """Keys and values of every layer for `rows` sequences of up to `length` tokens.

    One layer's tensor has the shape (rows, length, heads, head size). Rows in use are always 0 to n - 1, so a batch is
    a view and nothing is gathered. On CPU untouched rows take no memory: the system gives zeroed pages when written.
    """

    def __init__(
        self,
        *,
        layers: int,
        rows: int,
        length: int,
        heads: int,
        head_size: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        shape = (rows, length, heads, head_size)
        self.length = length
        self.keys = [_zeros(shape, dtype, device) for _ in range(layers)]
        self.values = [_zeros(shape, dtype, device) for _ in range(layers)]
        self._flat_keys = [keys.view(rows * length, heads, head_size) for keys in self.keys]
        self._flat_values = [values.view(rows * length, heads, head_size) for values in self.values]

    def write(self, layer: int, places: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Store keys and values of shape (tokens, heads, head size) at `places`, each row * length + position."""
        self._flat_keys[layer].index_copy_(0, places, keys)
        self._flat_values[layer].index_copy_(0, places, values)

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` positions of row `source` over row `target`."""
        for tensor in (*self.keys, *self.values):
            tensor[target, :length].copy_(tensor[source, :length])


def _zeros(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    if device.type != "cpu":
        return torch.zeros(shape, dtype=dtype, device=device)
    import math

    import numpy as np

    # calloc leaves the pages untouched, where torch.zeros writes (and so occupies) every one.
    storage: Any = np.zeros(math.prod(shape) * dtype.itemsize, dtype=np.uint8)
    return torch.from_numpy(storage).view(dtype).view(shape)
