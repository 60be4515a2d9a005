"""One shard in a process of its own: run a prompt and a decoding step, and write down what it held and computed.

`python shard_probe.py RANK SHARDS MODEL RENDEZVOUS OUTPUT DTYPE`
"""

import json
import sys
from pathlib import Path

import torch
from inferloop_runtime.serving.embedded.shard_executor import ShardExecutor
from inferloop_runtime.serving.embedded.shard_loading import load_shard
from inferloop_runtime.serving.embedded.step import PrefillSegment, Step
from torch import distributed
from torch._C._distributed_c10d import FileStore

PROMPT = [7 * index % 250 for index in range(24)]


def main() -> None:
    rank, shards = int(sys.argv[1]), int(sys.argv[2])
    model, rendezvous, output = (Path(item) for item in sys.argv[3:6])
    dtype = getattr(torch, sys.argv[6])
    torch.set_num_threads(1)
    if shards > 1:
        store = FileStore(str(rendezvous), shards)
        distributed.init_process_group("gloo", store=store, rank=rank, world_size=shards)
    cpu = torch.device("cpu")
    shard = load_shard(model, rank=rank, shards=shards, dtype=dtype, device=cpu, sequence_limit=64)
    executor = ShardExecutor(shard, rank=rank, shards=shards, rows=2, length=64, dtype=dtype, device=cpu)
    prompt = executor.run(Step([], [], [], [PrefillSegment(0, 0, PROMPT, "all")]))
    decoded = executor.run(Step([(0, 1, len(PROMPT))], [5], [len(PROMPT)], []))
    if prompt is not None and decoded is not None:
        torch.save(torch.cat([prompt, decoded]), output / "logits.pt")
    held = {name: list(parameter.shape) for name, parameter in shard.model.named_parameters()}
    sums = {name: float(parameter.double().sum()) for name, parameter in shard.model.named_parameters()}
    report = {"parameter_bytes": shard.parameter_bytes, "shapes": held, "sums": sums}
    (output / f"rank-{rank}.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main()
