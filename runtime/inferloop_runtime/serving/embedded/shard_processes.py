"""Start, watch and end the shard processes of one engine."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from inferloop_runtime.serving.embedded.frames import encode_frame, read_frame
from inferloop_runtime.serving.embedded.model_folder import ModelFacts
from inferloop_runtime.serving.embedded.shard_order import MESSAGE_LIMIT, ShardOrder
from inferloop_runtime.serving.settings import ServeSettings
from inferloop_runtime.serving.weights.manifest import write_atomically

SHARDS_FILE = "shards.json"


class ShardHost:
    """The engine's side of the process that shards are forked from."""

    def __init__(self, model_type: str, threads: int) -> None:
        self._connection, theirs = socket.socketpair()
        self._connection.setblocking(False)
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "inferloop_runtime.serving.embedded.shard_host",
                    str(theirs.fileno()),
                    model_type,
                ],
                stdin=subprocess.DEVNULL,
                # Libraries that print must not reach the front process's standard output.
                stdout=2,
                pass_fds=(theirs.fileno(),),
                env=os.environ | _environment(threads),
            )

    @property
    def alive(self) -> bool:
        """Tell whether the process runs."""
        return self._process.poll() is None

    async def fork(self, order: ShardOrder, descriptors: list[int]) -> int:
        """Fork one shard that inherits `descriptors`; return its process id. Raises OSError where the host is gone."""
        message = orjson.dumps({"op": "fork", "order": asdict(order)})
        socket.send_fds(self._connection, [message], descriptors)
        return int((await self._reply())["pid"])

    async def end_shards(self) -> list[int]:
        """Kill and reap the shards; return their exit codes in order of rank. Raises OSError where the host is gone."""
        self._connection.send(orjson.dumps({"op": "end"}))
        return list((await self._reply())["codes"])

    def close(self) -> None:
        """End the host; shards end by their lifelines."""
        self._connection.close()
        self._process.kill()
        self._process.wait()

    async def _reply(self) -> dict[str, Any]:
        body = await asyncio.get_running_loop().sock_recv(self._connection, MESSAGE_LIMIT)
        if not body:
            raise ConnectionResetError("the shard host is gone")
        reply: dict[str, Any] = orjson.loads(body)
        return reply


class ShardProcesses:
    """One generation of shard processes: started together, and ended together when one of them is lost."""

    def __init__(self, settings: ServeSettings, facts: ModelFacts, host: ShardHost) -> None:
        self._settings = settings
        self._facts = facts
        self._host = host
        self._readers: list[asyncio.StreamReader] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._lifeline: int | None = None
        self._rendezvous: Path | None = None

    async def start(self) -> None:
        """Start all processes and write `shards.json`; return before they have loaded.

        Raises OSError where the host is gone or the system refuses more processes or files.
        """
        settings = self._settings
        settings.run_dir.mkdir(parents=True, exist_ok=True)
        self._rendezvous = Path(tempfile.mkdtemp(prefix="inferloop-shards-"))
        lifeline, self._lifeline = os.pipe()
        pairs = [socket.socketpair() for _ in range(settings.shards - 1)]
        pids: dict[str, int] = {}
        try:
            for rank in range(settings.shards):
                front, shard = socket.socketpair()
                front.setblocking(False)
                reader, writer = await asyncio.open_connection(sock=front)
                self._readers.append(reader)
                self._writers.append(writer)
                peers = [leader for leader, _ in pairs] if rank == 0 else [pairs[rank - 1][1]]
                descriptors = [shard.fileno(), lifeline, *(peer.fileno() for peer in peers)]
                with shard:
                    pids[str(rank)] = await self._host.fork(self._order(rank), descriptors)
        finally:
            os.close(lifeline)
            for side in (side for pair in pairs for side in pair):
                side.close()
        write_atomically(settings.run_dir / SHARDS_FILE, orjson.dumps(pids) + b"\n")

    def send(self, message: dict[str, Any]) -> None:
        """Send a message to shard 0; a lost shard is noticed by `messages`."""
        self._writers[0].write(encode_frame(message))

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the messages of all shards; end when any shard's channel closes, as it does when it dies."""
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        readers = [asyncio.create_task(_forward(reader, queue)) for reader in self._readers]
        try:
            while (message := await queue.get()) is not None:
                yield message
        finally:
            for reader in readers:
                reader.cancel()

    async def end(self) -> list[int]:
        """Kill and reap all processes and remove their files; return the exit codes in order of rank, if known."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        for writer in self._writers:
            writer.close()
        codes: list[int] = []
        with contextlib.suppress(OSError):
            codes = await self._host.end_shards()
        if self._rendezvous is not None:
            shutil.rmtree(self._rendezvous, ignore_errors=True)
        (self._settings.run_dir / SHARDS_FILE).unlink(missing_ok=True)
        return codes

    def _order(self, rank: int) -> ShardOrder:
        settings, facts = self._settings, self._facts
        return ShardOrder(
            rank=rank,
            shards=settings.shards,
            model_path=str(settings.model_path),
            device=settings.device,
            dtype=f"auto:{facts.dtype}" if settings.dtype == "auto" else settings.dtype,
            threads=settings.threads or default_threads(settings.shards),
            rows=settings.max_batch_size,
            length=min(facts.position_limit, settings.max_total_tokens),
            eos_token_ids=list(facts.eos_token_ids),
            rendezvous=str(self._rendezvous / "store") if self._rendezvous else "",
        )


def default_threads(shards: int) -> int:
    """Share the processors that this process may use among the shards, at least one thread each."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, allowed // shards)


def _environment(threads: int) -> dict[str, str]:
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    return {
        # A thread spins for about a millisecond at most before it sleeps (GNU's and LLVM's runtimes): sleeping at once
        # costs a wake-up at each of a step's hundreds of operations, and spinning on starves other processes.
        "OMP_NUM_THREADS": str(threads),
        "GOMP_SPINCOUNT": "20000",
        "KMP_BLOCKTIME": "1",
        "GLOO_SOCKET_IFNAME": loopback,
        "NCCL_SOCKET_IFNAME": loopback,
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # Threads of numpy's linear algebra would start at its import, and the host must fork without any.
        "OPENBLAS_NUM_THREADS": "1",
    }


async def _forward(reader: asyncio.StreamReader, queue: "asyncio.Queue[dict[str, Any] | None]") -> None:
    try:
        while True:
            queue.put_nowait(await read_frame(reader))
    except (asyncio.IncompleteReadError, OSError):
        queue.put_nowait(None)
