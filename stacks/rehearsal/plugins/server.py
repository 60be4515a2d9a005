"""Serve one plugin to the engine that started it, and end with that engine."""

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import provider_pb2_grpc

from stacks.rehearsal.plugins.faults import Fault, FaultPlan
from stacks.rehearsal.plugins.journal import Journal
from stacks.rehearsal.plugins.provider import ProviderPlugin
from stacks.rehearsal.plugins.servicer import ProviderServicer

FAULTS = "INFERLOOP_REHEARSAL_FAULTS"
"""Environment variable: faults, separated by commas."""
STATE_DIR = "INFERLOOP_REHEARSAL_STATE"
"""Environment variable: the folder in which the plugins of one rehearsal keep their journal and counts."""
_THREADS = 16
_PARENT_CHECK_S = 0.5


def serve(plugin: ProviderPlugin) -> None:
    """Print the port that the kernel gave, as the protocol asks, and serve until the engine has gone.

    The engine ends its plugins itself; where it was killed, this process notices that its parent is another one.
    """
    parent = os.getppid()
    state = state_dir()
    faults = [Fault.parse(text) for text in os.environ.get(FAULTS, "").split(",") if text]
    servicer = ProviderServicer(
        plugin,
        faults=FaultPlan(faults, state / "calls.json" if state else None),
        journal=Journal(state / "journal.jsonl" if state else None),
    )
    server = grpc.server(ThreadPoolExecutor(max_workers=_THREADS), options=_GRPC_CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    threading.Thread(target=_end_with, args=(parent, server), daemon=True).start()
    server.wait_for_termination()


def state_dir() -> Path | None:
    """Return the folder that the plugins of this rehearsal share, None outside a rehearsal."""
    named = os.environ.get(STATE_DIR)
    return Path(named) if named else None


def _end_with(parent: int, server: grpc.Server) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_S)
    server.stop(grace=None)
