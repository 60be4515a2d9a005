"""What a failed command's output means to a person."""

import errno
import re

from tools.bootstrap.errors import SetupError
from tools.bootstrap.processes import Finished

_FULL = re.compile(r"no space left on device|disk quota exceeded|os error 28\b", re.IGNORECASE)
_DENIED = re.compile(r"permission denied|read-only file system|os error 13\b", re.IGNORECASE)
_NETWORK = re.compile(
    r"dns error|failed to lookup address|no such host|name or service not known|temporary failure in name resolution"
    r"|connection refused|connection reset|network is unreachable|no route to host|proxyconnect|dial tcp"
    r"|i/o timeout|operation timed out|timed out|tunnel|error sending request|client error \(connect\)"
    r"|failed to establish a new connection|network connectivity is disabled|network was disabled",
    re.IGNORECASE,
)
_SHOWN_LINES = 8
NETWORK_MEND = (
    "check the connection, or set HTTPS_PROXY where this network needs a proxy, and run the same command again: "
    "what was already downloaded is kept"
)
DISK_MEND = (
    "free some (`df -h . ~/.cache` shows both places), or put caches elsewhere with XDG_CACHE_HOME, then run the same "
    "command again: it continues"
)


def failure(what: str, finished: Finished) -> SetupError:
    """Turn a command's failure into one message: full disk, no permission, no network, or its own last lines."""
    text = finished.text()
    if _FULL.search(text):
        return SetupError(f"{what}: the disk is full", mend=DISK_MEND)
    if _DENIED.search(text):
        line = next(line.strip() for line in finished.tail if _DENIED.search(line))
        return SetupError(f"{what}: {line}", mend=f"run as the owner of these files, or `{OWN_COMMAND}`")
    if _NETWORK.search(text):
        line = next(line.strip() for line in finished.tail if _NETWORK.search(line))
        return SetupError(f"{what}: the network does not answer ({line})", mend=NETWORK_MEND)
    shown = "\n".join(f"    {line}" for line in finished.tail[-_SHOWN_LINES:])
    return SetupError(
        f"{what}: it ended with status {finished.status} and said\n{shown}",
        mend="run the same command again, it continues; if it fails again, report the lines above",
    )


OWN_COMMAND = 'sudo chown -R "$(id -u):$(id -g)" .'


def refusal(what: str, error: OSError) -> SetupError:
    """Turn an operating system error of our own into the same kinds of message."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SetupError(f"{what}: the disk is full ({error.filename})", mend=DISK_MEND)
    return SetupError(f"{what}: {error}", mend=f"run as the owner of these files, or `{OWN_COMMAND}`")
