"""A real Kubernetes control plane on this machine's loopback, with simulated nodes.

etcd, kube-apiserver, kube-controller-manager and kube-scheduler are the real ones; kwok plays the kubelets, and a
process of this distribution a cloud's load balancers and volumes (stacks/rehearsal/kubernetes/simulated_cloud.py).
"""

import base64
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType

import psutil
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from components.local.files import write_atomically
from components.local.supervision import launch_script
from stacks.rehearsal.kubernetes.api import KubernetesApi
from stacks.rehearsal.kubernetes.kubeconfig import read_kubeconfig
from stacks.rehearsal.kubernetes.readiness import condition
from stacks.rehearsal.node_pool import NodePool
from stacks.rehearsal.plugins.errors import RehearsalError

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
_CHECKOUT = Path(__file__).resolve().parents[2]
_RECORD = _CHECKOUT / ".tools" / "control-plane.json"
_CLOUD = "simulated-cloud"
_STAGES = Path(__file__).with_name("kubernetes") / "stages.yaml"
_POLL_S = 0.05
GARBAGE_PERCENT = "40"
"""How much garbage may come on top of what lives in a program of Go, instead of as much again: a laptop has less memory
to spare than time (https://go.dev/doc/gc-guide, GOGC)."""
_STOP_S = 10.0
# A port that the kernel gave may be taken by another process before the program binds it.
_ATTEMPTS = 3
_SHOWN_LINES = 5


def find_programs() -> Path:
    """Return the folder of the control plane's programs. Raises RehearsalError that says how to build them."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        for folder in json.loads(_RECORD.read_text(encoding="utf-8"))["path"]:
            if all(os.access(Path(folder) / name, os.X_OK) for name in PROGRAMS):
                return Path(folder)
    raise RehearsalError("a rehearsal's Kubernetes is not built yet; build it once by `make rehearsal-tools`")


class ControlPlane:
    """One control plane; `kubeconfig` is its administrator's, `credential` an ExecCredential; both are secret (0600).

    Everything lies in `folder`, which is made; ports are the kernel's choice, so that several can run side by side. Its
    processes end with `stop`, and with the thread that called `start`, unless they are to outlive it.
    """

    def __init__(
        self, folder: Path, *, pools: Sequence[NodePool] = (), programs: Path | None = None, outlive: bool = False
    ) -> None:
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self.credential = folder / "credential.json"
        self._pools = tuple(pools)
        self._programs = programs
        self._outlive = outlive
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "ControlPlane":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, *, timeout_s: float = 60.0) -> None:
        """Return when the API answers and every node is ready. Raises RehearsalError with the failing program's log."""
        programs = self._programs or find_programs()
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._start(programs, time.monotonic() + timeout_s)
                return
            except _PortTakenError:
                self.stop()
                if attempt == _ATTEMPTS:
                    raise
            except BaseException:
                self.stop()
                raise

    def stop(self) -> None:
        """End every process and remove what they stored and the secrets; logs stay."""
        stop_recorded(self.folder)
        for process in self._processes.values():
            process.wait()
        self._processes.clear()

    def api(self) -> KubernetesApi:
        """Return a client of the running control plane."""
        return KubernetesApi(read_kubeconfig(str(self.kubeconfig)))

    def _start(self, programs: Path, deadline: float) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        port = _free_port()
        token = secrets.token_hex(32)
        self._write_secrets(token)
        # Relative, for the path of a socket may have no more than 107 characters; nobody else may enter the folder.
        store = "unix://etcd.sock"
        self._run(
            programs,
            "etcd",
            *("--data-dir", "etcd", "--listen-client-urls", store, "--advertise-client-urls", "http://127.0.0.1:0"),
            *("--listen-peer-urls", "http://127.0.0.1:0", "--initial-advertise-peer-urls", "http://127.0.0.1:0"),
            *("--initial-cluster", "default=http://127.0.0.1:0", "--unsafe-no-fsync", "--log-level", "warn"),
        )
        self._wait(deadline, "etcd", lambda: (self.folder / "etcd.sock").exists())
        self._run(
            programs,
            "kube-apiserver",
            *("--etcd-servers", store, "--bind-address", "127.0.0.1", "--secure-port", str(port)),
            *("--cert-dir", "certificates", "--token-auth-file", "tokens.csv", "--authorization-mode", "Node,RBAC"),
            *("--service-account-key-file", "service-accounts.key"),
            *("--service-account-signing-key-file", "service-accounts.key"),
            *("--service-account-issuer", "https://kubernetes.default.svc", "--allow-privileged"),
            *("--service-cluster-ip-range", "10.96.0.0/16", "--advertise-address", "127.0.0.1"),
            *("--endpoint-reconciler-type", "none"),
        )
        certificate = self.folder / "certificates" / "apiserver.crt"
        self._wait(deadline, "kube-apiserver", lambda: certificate.exists() and certificate.stat().st_size > 0)
        self._write_kubeconfig(port, token, certificate.read_bytes())
        api = self.api()
        self._wait(deadline, "kube-apiserver", api.is_ready)
        # By default 20 a second for all controllers, which spares a server that others use too.
        rates = ("--kube-api-qps", "1000", "--kube-api-burst", "1000")
        common = ("--kubeconfig", "kubeconfig", "--leader-elect=false", "--secure-port", "0", *rates)
        self._run(
            programs,
            "kube-controller-manager",
            *common,
            *("--service-account-private-key-file", "service-accounts.key"),
            *("--controllers", "*,-nodeipam,-cloud-node-lifecycle"),
            # kwok's nodes report less often than the default waits, which would mark them and their pods as not ready.
            *("--node-monitor-grace-period", "24h"),
            # Its default lies in the system's folders, and is made where it is missing.
            *("--flex-volume-plugin-dir", "volume-plugins"),
        )
        self._run(programs, "kube-scheduler", *common)
        self._run(programs, "kwok", "--kubeconfig", "kubeconfig", "--manage-all-nodes=true", "--config", str(_STAGES))
        self._launch(_CLOUD, [sys.executable, "-m", "stacks.rehearsal.kubernetes.simulated_cloud", "kubeconfig"])
        wanted = [node for pool in self._pools for node in pool.nodes()]
        for node in wanted:
            api.create(node)
        self._wait(deadline, "kwok", lambda: _all_ready(api, len(wanted)))

    def _write_secrets(self, token: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        write_atomically(self.folder / "service-accounts.key", pem, mode=0o600)
        # A cluster's creator signs in by a token of its own, so that the API server tells it from the rehearsal.
        creator = secrets.token_hex(32)
        tokens = f"{token},admin,admin,system:masters\n{creator},creator,creator,system:masters\n"
        write_atomically(self.folder / "tokens.csv", tokens, mode=0o600)
        answer = {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "kind": "ExecCredential",
            "spec": {},
            "status": {"token": creator},
        }
        write_atomically(self.credential, json.dumps(answer), mode=0o600)

    def _write_kubeconfig(self, port: int, token: str, certificate: bytes) -> None:
        cluster = {
            "server": f"https://127.0.0.1:{port}",
            "certificate-authority-data": base64.b64encode(certificate).decode(),
        }
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "rehearsal", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "rehearsal", "context": {"cluster": "rehearsal", "user": "admin"}}],
            "current-context": "rehearsal",
        }
        write_atomically(self.kubeconfig, json.dumps(config, indent=2) + "\n", mode=0o600)

    def _run(self, programs: Path, name: str, *arguments: str) -> None:
        self._launch(name, [str(programs / name), *arguments])

    def _launch(self, name: str, command: list[str]) -> None:
        if not self._outlive:
            launch = [sys.executable, "-I", "-S", launch_script(), "--parent-death-signal", "SIGKILL", "--"]
            command = [*launch, *command]
        with (self.folder / f"{name}.log").open("wb") as log:
            # A session of its own keeps a terminal's Ctrl-C from ending it before what still needs it.
            self._processes[name] = subprocess.Popen(
                command,
                cwd=self.folder,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join([str(_CHECKOUT), *_python_path()]),
                    "GOGC": GARBAGE_PERCENT,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        record = {
            program: [process.pid, psutil.Process(process.pid).create_time()]
            for program, process in self._processes.items()
        }
        write_atomically(self.folder / "processes.json", json.dumps(record))

    def _wait(self, deadline: float, name: str, ready: Callable[[], bool]) -> None:
        while not ready():
            for program, process in self._processes.items():
                if process.poll() is not None:
                    self._give_up(f"{program} ended with status {process.returncode}", program)
            if time.monotonic() > deadline:
                self._give_up(f"{name} did not become ready in time", name)
            time.sleep(_POLL_S)

    def _give_up(self, what: str, name: str) -> None:
        log = self.folder / f"{name}.log"
        text = log.read_text(errors="replace")
        kind = _PortTakenError if "address already in use" in text else RehearsalError
        last = "\n".join(f"    {line}" for line in text.splitlines()[-_SHOWN_LINES:])
        raise kind(f"the control plane did not start: {what}; {log} ends with\n{last}")


def stop_recorded(folder: Path) -> None:
    """End the control plane that was started in a folder, by whichever process; one that is gone is no failure."""
    # Clients first, so that none complains that its server has gone.
    running = [process for entry in reversed(list(_recorded(folder).values())) for process in _same_process(*entry)]
    for process in running:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM if process.name() == "etcd" else signal.SIGKILL)
    for process in psutil.wait_procs(running, timeout=_STOP_S)[1]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    for name in ("etcd", "certificates", "volume-plugins"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("etcd.sock", "kubeconfig", "credential.json", "processes.json", "service-accounts.key", "tokens.csv"):
        (folder / name).unlink(missing_ok=True)


def processes_of(folder: Path) -> list[psutil.Process] | None:
    """Return the processes of the control plane that was started in a folder, None where one of them is gone."""
    known = _recorded(folder)
    running = [process for entry in known.values() for process in _same_process(*entry)]
    return running if len(running) == len(known) == len((*PROGRAMS, _CLOUD)) else None


def _recorded(folder: Path) -> dict[str, tuple[int, float]]:
    try:
        known: dict[str, tuple[int, float]] = json.loads((folder / "processes.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known


def _same_process(pid: int, created: float) -> Iterable[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        # The kernel may have given the id to another process since.
        if process.create_time() == created and process.status() != psutil.STATUS_ZOMBIE:
            yield process


def _all_ready(api: KubernetesApi, wanted: int) -> bool:
    nodes = api.list("v1", "Node")
    ready = [
        node
        for node in nodes
        if condition(node.get("status") or {}, "Ready").get("status") == "True"
        and not any(taint["key"].startswith("node.kubernetes.io/") for taint in node["spec"].get("taints") or ())
    ]
    return len(ready) == wanted


def _python_path() -> list[str]:
    return [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]


def _free_port() -> int:
    with socket.socket() as item:
        item.bind(("127.0.0.1", 0))
        port: int = item.getsockname()[1]
        return port


class _PortTakenError(RehearsalError):
    """Another process took the port between its choice and its use."""
