"""Make chosen calls of a rehearsal fail, once each, whichever plugin process they reach."""

import fcntl
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from components.errors import SettingsError

_SPEC = re.compile(
    r"^(?P<operation>create|read|update|delete):(?P<type>.+?):(?P<call>[1-9][0-9]*)(?::(?P<kind>fail|throttle|timeout))?$"
)


class FaultKind(StrEnum):
    """How a call goes wrong.

    `fail` and `throttle` refuse it before anything happened; with `timeout` it takes effect, but its success is never
    confirmed.
    """

    FAIL = "fail"
    THROTTLE = "throttle"
    TIMEOUT = "timeout"


@dataclass(frozen=True)
class Fault:
    """The n-th `call` (from 1) of an operation on a resource type goes wrong."""

    operation: str
    type: str
    call: int
    kind: FaultKind = FaultKind.FAIL

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """Read `OPERATION:TYPE:N[:KIND]`, for example `create:aws:rds/instance:Instance:2`. Raises SettingsError."""
        found = _SPEC.match(text)
        if found is None:
            raise SettingsError(
                f"fault {text!r}: write OPERATION:TYPE:N[:KIND] with create, read, update or delete, N from 1, and "
                "fail, throttle or timeout; for example create:aws:rds/instance:Instance:2"
            )
        return cls(found["operation"], found["type"], int(found["call"]), FaultKind(found["kind"] or "fail"))

    def __str__(self) -> str:
        return f"{self.operation}:{self.type}:{self.call}:{self.kind}"


class FaultPlan:
    """Count calls over every process of a rehearsal in a file, and tell which of them goes wrong."""

    def __init__(self, faults: Sequence[Fault], counter_file: Path | None) -> None:
        if faults and counter_file is None:
            raise SettingsError("faults need a file in which calls are counted")
        self._faults = tuple(faults)
        self._counter_file = counter_file

    def next_call(self, operation: str, resource_type: str) -> FaultKind | None:
        """Count one call; return how it goes wrong, None where it does not."""
        concerned = [fault for fault in self._faults if (fault.operation, fault.type) == (operation, resource_type)]
        if not concerned or self._counter_file is None:
            return None
        number = _count(self._counter_file, f"{operation}:{resource_type}")
        return next((fault.kind for fault in concerned if fault.call == number), None)


def _count(counter_file: Path, key: str) -> int:
    with counter_file.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        counts: dict[str, int] = json.loads(file.read() or "{}")
        counts[key] = counts.get(key, 0) + 1
        file.truncate(0)
        file.write(json.dumps(counts))
    return counts[key]
