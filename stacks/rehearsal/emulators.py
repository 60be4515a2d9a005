"""The emulators of one rehearsal: moto's server and a control plane, started, found again and ended."""

import contextlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from components.local.files import write_atomically
from stacks.rehearsal.aws.backend import CLUSTER_AUTHORITY, CLUSTER_ENDPOINT
from stacks.rehearsal.aws.moto_server import MotoServer
from stacks.rehearsal.control_plane import ControlPlane, processes_of, stop_recorded
from stacks.rehearsal.custom_resources import install_definitions
from stacks.rehearsal.kubernetes.api import KubernetesApi
from stacks.rehearsal.kubernetes.kubeconfig import read_kubeconfig
from stacks.rehearsal.node_pool import NodePool
from stacks.rehearsal.sign_in import write_sign_in

_STOP_S = 10.0


@dataclass(frozen=True)
class Emulators:
    """What answers in the clouds' place; without a kubeconfig there is no cluster."""

    folder: Path
    aws: str
    kubeconfig: Path | None
    pids: tuple[int, ...]

    @property
    def programs(self) -> Path:
        """The folder of programs that come first on the engine's PATH."""
        return self.folder / "bin"

    def api(self) -> KubernetesApi | None:
        """Return a client of the cluster, None where there is none."""
        return None if self.kubeconfig is None else KubernetesApi(read_kubeconfig(str(self.kubeconfig)))

    def environment(self) -> Mapping[str, str]:
        """Return the variables by which plugins, SDKs and the official plugins find the emulators, and nothing else."""
        nowhere = str(self.folder / "none")
        values = {
            "AWS_ENDPOINT_URL": self.aws,
            # moto takes any; the user's own must not be found.
            "AWS_ACCESS_KEY_ID": "rehearsal",
            "AWS_SECRET_ACCESS_KEY": "rehearsal",
            "AWS_CONFIG_FILE": nowhere,
            "AWS_SHARED_CREDENTIALS_FILE": nowhere,
            "AWS_EC2_METADATA_DISABLED": "true",
            "KUBECONFIG": nowhere if self.kubeconfig is None else str(self.kubeconfig),
        }
        if self.kubeconfig is not None:
            connection = json.loads(self.kubeconfig.read_text(encoding="utf-8"))["clusters"][0]["cluster"]
            values |= {
                CLUSTER_ENDPOINT: connection["server"],
                CLUSTER_AUTHORITY: connection["certificate-authority-data"],
            }
        return values


def start_emulators(
    folder: Path, *, pools: Sequence[NodePool] | None, definitions: Sequence[str] | None = None, outlive: bool = False
) -> Emulators:
    """Start what a stack needs in `folder`, which must exist; `pools` is None where it needs no cluster.

    The cluster gets the custom resources of the named sets of the lock of charts, of all where none is named. The
    emulators end with this process unless they are to `outlive` it. Raises RehearsalError or ProcessError, and leaves
    nothing running then.
    """
    stop_emulators(folder)
    moto = MotoServer(log=folder / "moto.log", outlive=outlive)
    try:
        with ThreadPoolExecutor(1) as pool:
            # Both take seconds, and mostly wait. The control plane ends with the thread that starts it: this one.
            started = pool.submit(_start_moto, moto, folder / "emulators.json")
            if pools is not None:
                plane = ControlPlane(folder / "control-plane", pools=pools, outlive=outlive)
                plane.start()
                install_definitions(plane.api(), definitions)
                write_sign_in(folder / "bin", plane.credential)
            started.result()
    except BaseException:
        stop_emulators(folder)
        raise
    found = find_emulators(folder)
    if found is None:
        raise AssertionError("emulators that were started are found again")
    return found


def _start_moto(moto: MotoServer, record: Path) -> None:
    moto.start()
    known = {"moto": {"pid": moto.pid, "started": psutil.Process(moto.pid).create_time(), "endpoint": moto.endpoint}}
    write_atomically(record, json.dumps(known), mode=0o600)


def find_emulators(folder: Path) -> Emulators | None:
    """Return the emulators that run in a folder, None where they do not all run."""
    known = _recorded(folder)
    if known is None or not _runs(known["pid"], known["started"]):
        return None
    plane = folder / "control-plane"
    kubeconfig = plane / "kubeconfig"
    if not kubeconfig.exists():
        return Emulators(folder, str(known["endpoint"]), None, (known["pid"],))
    processes = processes_of(plane)
    if processes is None:
        return None
    return Emulators(folder, str(known["endpoint"]), kubeconfig, (known["pid"], *(item.pid for item in processes)))


def stop_emulators(folder: Path) -> None:
    """End what was started in a folder, by whichever process, and remove what it stored; logs stay."""
    known = _recorded(folder)
    if known is not None and _runs(known["pid"], known["started"]):
        end_processes([psutil.Process(known["pid"])])
    stop_recorded(folder / "control-plane")
    (folder / "emulators.json").unlink(missing_ok=True)
    shutil.rmtree(folder / "bin", ignore_errors=True)


def end_processes(processes: Iterable[psutil.Process]) -> None:
    """Ask processes to end, and end those that do not within seconds; one that has gone is no failure."""
    wanted = list(processes)
    for process in wanted:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    for process in psutil.wait_procs(wanted, timeout=_STOP_S)[1]:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(wanted, timeout=_STOP_S)


def _recorded(folder: Path) -> dict[str, Any] | None:
    try:
        known: dict[str, Any] = json.loads((folder / "emulators.json").read_text(encoding="utf-8"))["moto"]
    except (OSError, ValueError, KeyError):
        return None
    return known


def _runs(pid: int, started: float) -> bool:
    try:
        process = psutil.Process(pid)
        # The kernel may have given the id to another process since.
        return process.create_time() == started and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
