"""The process behind MotoServer: serve moto on a port of the kernel's choice, print it, and end with the parent.

With the argument `--outlive` it serves until it is told to end.
"""

import functools
import os
import sys
import threading
import time
from typing import Any

from moto import backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from stacks.rehearsal.aws.moto_offerings import read_offerings_on_demand
from stacks.rehearsal.aws.moto_option import OUTLIVE

_PARENT_CHECK_S = 0.5
_MODULES = backends.list_of_moto_modules


class _QuietHandler(WSGIRequestHandler):
    """Serve without a line for every request; keep connections open between calls."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


class _OneAtATime:
    """Let one request into moto at a time: it keeps its state unlocked."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        with self._lock:
            return self._application(environ, start_response)


def main() -> None:
    """Serve until the parent process has gone or this one is told to end."""
    parent = os.getppid()
    read_offerings_on_demand()
    # moto reads its own folder for every request.
    backends.list_of_moto_modules = functools.cache(lambda: tuple(_MODULES()))
    application = _OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_QuietHandler)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    if OUTLIVE not in sys.argv[1:]:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    server.serve_forever()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_S)
    os._exit(0)


if __name__ == "__main__":
    main()
