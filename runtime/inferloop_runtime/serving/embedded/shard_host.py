"""The process that the shards come from: `python -m inferloop_runtime.serving.embedded.shard_host`.

It imports torch and transformers once and then forks, so every shard (and every later start) shares their memory and
skips seconds of importing. It computes nothing itself and starts no thread: only so may it fork.
"""

import importlib
import os
import signal
import socket
import sys
from typing import Any

import orjson

from inferloop_runtime.serving.embedded.shard_order import MESSAGE_LIMIT, ShardOrder

_MOST_DESCRIPTORS = 256


def main() -> None:
    """Fork shards and end them as the engine asks, until it goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    connection = socket.socket(fileno=int(sys.argv[1]))
    _import_ahead(sys.argv[2])
    # Shards read the one end, which closes with this process.
    host_lifeline = os.pipe()
    children: list[int] = []
    while True:
        body, descriptors, _, _ = socket.recv_fds(connection, MESSAGE_LIMIT, _MOST_DESCRIPTORS)
        if not body:
            _end(children)
            # An orderly end would first tear down libraries that hold nothing.
            os._exit(0)
        message: dict[str, Any] = orjson.loads(body)
        if message["op"] == "fork":
            children.append(_fork(message["order"], descriptors, connection, host_lifeline))
            connection.send(orjson.dumps({"pid": children[-1]}))
        else:
            connection.send(orjson.dumps({"codes": _end(children)}))


def _import_ahead(model_type: str) -> None:
    """Import what every shard needs; a model type that transformers lacks is the shard's to report."""
    import transformers
    from transformers import AutoConfig, AutoModelForCausalLM

    for name in ("scheduler", "shard_executor", "shard_loading", "worker"):
        importlib.import_module(f"inferloop_runtime.serving.embedded.{name}")
    if model_type in transformers.CONFIG_MAPPING:
        configuration = AutoConfig.for_model(model_type)
        AutoModelForCausalLM._model_mapping.get(type(configuration), None)


def _fork(
    order: dict[str, Any], descriptors: list[int], connection: socket.socket, host_lifeline: tuple[int, int]
) -> int:
    pid = os.fork()
    if pid:
        for descriptor in descriptors:
            os.close(descriptor)
        return pid
    from inferloop_runtime.serving.embedded.worker import run_shard

    connection.close()
    os.close(host_lifeline[1])
    front, lifeline, *peers = descriptors
    try:
        run_shard(ShardOrder(**order), front=front, lifelines=[lifeline, host_lifeline[0]], peers=peers)
    finally:
        # Never return into the host's loop, whatever happened.
        sys.stderr.flush()
        os._exit(1)


def _end(children: list[int]) -> list[int]:
    """Kill and reap all children; return their exit codes, a signal's as its negative number."""
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    children.clear()
    return codes


if __name__ == "__main__":
    main()
