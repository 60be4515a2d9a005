"""Run steps on one shard's model and cache."""

import torch

from inferloop_runtime.serving.embedded.kv_slots import KeyValueSlots
from inferloop_runtime.serving.embedded.shard_loading import LoadedShard
from inferloop_runtime.serving.embedded.split_layers import join_vocabulary
from inferloop_runtime.serving.embedded.step import PrefillSegment, Step, StepLayout


class ShardExecutor:
    """One shard: all of them run the same steps in the same order."""

    def __init__(
        self,
        shard: LoadedShard,
        *,
        rank: int,
        shards: int,
        rows: int,
        length: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        config = shard.model.config
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self._shard = shard
        self._rank, self._shards = rank, shards
        self._dtype, self._device = dtype, device
        self._slots = KeyValueSlots(
            layers=config.num_hidden_layers,
            rows=rows,
            length=length,
            heads=heads,
            head_size=head_size,
            dtype=dtype,
            device=device,
        )

    @torch.inference_mode()
    def run(self, step: Step) -> torch.Tensor | None:
        """Run one step; shard 0 gets the wanted logits (tokens, vocabulary) as float32 on CPU, the others None."""
        for source, target, length in step.moves:
            self._slots.move(source, target, length)
        if not step.decode_tokens and not step.segments:
            return None
        layout = StepLayout.of(step, self._slots.length, self._dtype, self._device)
        logits = self._shard.model(
            input_ids=layout.token_ids,
            position_ids=layout.positions,
            use_cache=False,
            logits_to_keep=layout.wanted,
            layout=layout,
            slots=self._slots,
        ).logits[0]
        if self._shard.splits_vocabulary:
            joined = join_vocabulary(logits, self._rank, self._shards)
            if joined is None:
                return None
            logits = joined
        return logits.to(device="cpu", dtype=torch.float32) if self._rank == 0 else None

    def warm_up(self) -> None:
        """Run a short prompt and one decoding step, so that the first request does not pay for lazy set-up."""
        self.run(Step([], [], [], [PrefillSegment(0, 0, [0] * 8, "last")]))
        self.run(Step([], [0], [8], []))
