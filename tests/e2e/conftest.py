"""One dev stack with the tiny model for all tests that do not harm it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.dev_stack import DevStack, running_dev_stack


@dataclass(frozen=True)
class Service:
    """What a client of the stack knows."""

    stack: DevStack
    gateway_url: str
    model: str
    key: str


def service_of(stack: DevStack) -> Service:
    status: dict[str, Any] = stack.status()
    return Service(stack, status["gateway_url"].rstrip("/"), status["model"], stack.run("key").stdout.strip())


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    with running_dev_stack() as stack:
        yield service_of(stack)
