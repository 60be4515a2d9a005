"""A moto server of one rehearsal: on loopback, on a port of the kernel's choice, ended by its process id."""

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from components.errors import ProcessError
from stacks.rehearsal.aws.moto_option import OUTLIVE

_CHECKOUT = Path(__file__).resolve().parents[3]
_STOP_TIMEOUT_S = 10


class MotoServer:
    """Run moto's server as a context.

    Outputs: `endpoint`, an http URL on loopback, and `pid`. The server ends with this process too, unless it is to
    `outlive` it. Raises ProcessError where it does not start.
    """

    def __init__(self, *, log: Path | None = None, outlive: bool = False) -> None:
        self._log = log
        self._outlive = outlive
        self._process: subprocess.Popen[str] | None = None
        self._endpoint = ""

    @property
    def endpoint(self) -> str:
        """Where every AWS service is reached, without a closing slash."""
        return self._endpoint

    @property
    def pid(self) -> int:
        """The server's process id."""
        if self._process is None:
            raise ProcessError("moto's server has not been started")
        return self._process.pid

    def __enter__(self) -> "MotoServer":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and wait for its port."""
        errors: IO[Any] | int = self._log.open("a", encoding="utf-8") if self._log else subprocess.DEVNULL
        environment = {
            **os.environ,
            # Roles attach AWS's own policies, such as AmazonEKSClusterPolicy.
            "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
            "MOTO_ACM_VALIDATION_WAIT": "0",
            "PYTHONPATH": os.pathsep.join([str(_CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        }
        try:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "stacks.rehearsal.aws.moto_process"),
                    *([OUTLIVE] if self._outlive else []),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
                # A session of its own keeps a terminal's Ctrl-C from ending it before what still needs it.
                start_new_session=True,
            )
        finally:
            if not isinstance(errors, int):
                errors.close()
        line = self._process.stdout.readline().strip() if self._process.stdout else ""
        if not line.isdigit():
            self.stop()
            raise ProcessError("moto's server did not start: install the extra `rehearsal` (`make setup`)")
        self._endpoint = f"http://127.0.0.1:{line}"

    def stop(self) -> None:
        """End the server; one that has ended is no failure."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()
