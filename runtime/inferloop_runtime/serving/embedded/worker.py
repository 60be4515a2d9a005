"""What a shard's process does: shard 0 schedules, the others repeat its steps.

The process ends when the front process or the shards' host does, whatever it is doing.
"""

import os
import select
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from inferloop_runtime.errors import InferloopError
from inferloop_runtime.serving.embedded.frames import FrameSocket
from inferloop_runtime.serving.embedded.shard_order import ShardOrder

if TYPE_CHECKING:
    import torch

    from inferloop_runtime.serving.embedded.shard_executor import ShardExecutor
    from inferloop_runtime.serving.embedded.step import Step

# Steps of a loaded shard answer within seconds; longer means that a peer is lost or stuck.
_COLLECTIVE_TIMEOUT_S = 120


def run_shard(order: ShardOrder, *, front: int, lifelines: list[int], peers: list[int]) -> NoReturn:
    """Load one shard, then run it until the engine stops it.

    `front` is the descriptor of its channel to the engine, `lifelines` are those of pipes that close with the processes
    it depends on, `peers` those of shard 0's channels to the others (in order of rank), or of another's one to it.
    """
    threading.Thread(target=_end_with_others, args=(lifelines,), daemon=True, name="lifeline").start()
    engine = FrameSocket(socket.socket(fileno=front))
    others = [FrameSocket(socket.socket(fileno=descriptor)) for descriptor in peers]
    try:
        executor, description = _load(order)
        engine.send({"op": "ready", "rank": order.rank, **description})
        if order.rank == 0:
            _lead(order, executor, engine, others)
        _follow(executor, others[0])
    except (EOFError, BrokenPipeError, ConnectionResetError):
        _leave(0)
    except InferloopError as error:
        engine.send({"op": "failed", "rank": order.rank, "message": str(error)})
        _leave(error.exit_code)


def _load(order: ShardOrder) -> "tuple[ShardExecutor, dict[str, Any]]":
    import torch

    from inferloop_runtime.serving.embedded.shard_executor import ShardExecutor
    from inferloop_runtime.serving.embedded.shard_loading import load_shard

    device = _choose_device(order)
    dtype = _choose_dtype(order.dtype, device)
    torch.set_num_threads(order.threads)
    torch.set_num_interop_threads(1)
    if order.shards > 1:
        _join_group(order, device)
    shard = load_shard(
        Path(order.model_path),
        rank=order.rank,
        shards=order.shards,
        dtype=dtype,
        device=device,
        sequence_limit=order.length,
    )
    executor = ShardExecutor(
        shard,
        rank=order.rank,
        shards=order.shards,
        rows=order.rows,
        length=order.length,
        dtype=dtype,
        device=device,
    )
    executor.warm_up()
    description = {
        "device": device.type,
        "dtype": str(dtype).removeprefix("torch."),
        "parameter_bytes": shard.parameter_bytes,
    }
    return executor, description


def _choose_device(order: ShardOrder) -> "torch.device":
    import torch

    from inferloop_runtime.errors import EngineError

    available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if order.device == "cpu" or (order.device == "auto" and available < order.shards):
        return torch.device("cpu")
    if available < order.shards:
        raise EngineError(
            f"{order.shards} shards need as many GPUs and {available} are visible; "
            "set `device` to cpu or lower `shards`"
        )
    torch.cuda.set_device(order.rank)
    return torch.device("cuda", order.rank)


def _choose_dtype(wanted: str, device: "torch.device") -> "torch.dtype":
    """Keep the stored type, but on a CPU without bfloat16 instructions compute in float32."""
    import torch

    stored: torch.dtype = getattr(torch, wanted.removeprefix("auto:"))
    if not wanted.startswith("auto:") or stored is torch.float32:
        return stored
    if device.type == "cuda":
        return torch.float16 if torch.cuda.get_device_capability(device) < (8, 0) else stored
    return torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32


def _join_group(order: ShardOrder, device: "torch.device") -> None:
    """Meet the other shards by a file, and talk over loopback only."""
    from datetime import timedelta

    from torch import distributed
    from torch._C._distributed_c10d import FileStore

    distributed.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        store=FileStore(order.rendezvous, order.shards),
        rank=order.rank,
        world_size=order.shards,
        timeout=timedelta(seconds=_COLLECTIVE_TIMEOUT_S),
        device_id=device if device.type == "cuda" else None,
    )


def _lead(order: ShardOrder, executor: "ShardExecutor", front: FrameSocket, peers: list[FrameSocket]) -> NoReturn:
    """Schedule: take requests, run steps here and in the peers, send their events; block while there is no work."""
    from inferloop_runtime.serving.embedded.scheduler import BatchScheduler

    def run_step(step: "Step") -> "torch.Tensor | None":
        message = step.to_message() if peers else None
        for peer in peers:
            peer.send(message)
        return executor.run(step)

    scheduler = BatchScheduler(run_step, rows=order.rows, eos_token_ids=order.eos_token_ids)
    while True:
        messages = [front.receive()] if scheduler.idle else front.receive_ready()
        for message in messages:
            if message["op"] == "generate":
                scheduler.add(message)
            elif message["op"] == "cancel":
                scheduler.cancel(message["id"])
            else:
                _leave(0)
        if not scheduler.idle:
            events = scheduler.step()
            front.send({"op": "step", "running": scheduler.running, "waiting": scheduler.waiting, "events": events})


def _follow(executor: "ShardExecutor", leader: FrameSocket) -> NoReturn:
    from inferloop_runtime.serving.embedded.step import Step

    while True:
        executor.run(Step.from_message(leader.receive()))


def _end_with_others(descriptors: list[int]) -> None:
    """Wait for the other end of a pipe to close, which the kernel does however the process that held it ends."""
    select.select(descriptors, [], [])
    _leave(0)


def _leave(code: int) -> NoReturn:
    """End at once, past the collective library's own threads, which can wait long for lost peers."""
    sys.stderr.flush()
    os._exit(code)
