"""Layers of which one shard holds a part: outputs are summed or joined over all shards."""

from typing import cast

import torch
from torch import distributed, nn
from torch.nn import functional


class RowSplitLinear(nn.Module):
    """A linear layer split along its input: each shard computes a partial sum, and all get the total."""

    def __init__(self, part: nn.Linear) -> None:
        super().__init__()
        self.weight = part.weight
        self.bias = part.bias

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the same output in every shard; the bias is added once, after the sum."""
        output = functional.linear(inputs, self.weight)
        distributed.all_reduce(output)
        return output if self.bias is None else output + self.bias


class VocabularySplitEmbedding(nn.Module):
    """An embedding table split by token id: the shard that holds a token gives its vector, the others zeros."""

    def __init__(self, part: nn.Embedding, rank: int) -> None:
        super().__init__()
        self.weight = part.weight
        self._first = rank * part.num_embeddings

    def forward(self, token_ids: torch.Tensor) -> torch.Tensor:
        """Return the vectors of `token_ids` in every shard."""
        local = token_ids - self._first
        held = (local >= 0) & (local < self.weight.shape[0])
        vectors = functional.embedding(local.where(held, 0), self.weight) * held.unsqueeze(-1)
        distributed.all_reduce(vectors)
        return vectors


def join_vocabulary(logits: torch.Tensor, rank: int, shards: int) -> torch.Tensor | None:
    """Join each shard's part of the logits along the vocabulary in shard 0; return None in the others."""
    logits = logits.contiguous()
    if rank:
        distributed.gather(logits)
        return None
    parts = [torch.empty_like(logits) for _ in range(shards)]
    distributed.gather(logits, parts)
    return torch.cat(parts, dim=-1)


def replace_row_split(model: nn.Module, names: set[str]) -> None:
    """Replace the named linear layers of `model` by row-split ones."""
    for name in names:
        parent_name, _, child = name.rpartition(".")
        parent = model.get_submodule(parent_name)
        setattr(parent, child, RowSplitLinear(cast("nn.Linear", getattr(parent, child))))
