import urllib.request
from collections.abc import Iterator

import pytest

from stacks.rehearsal.aws.moto_server import MotoServer
from tests.support.aws_rehearsal import Cloud


@pytest.fixture(scope="module")
def moto_endpoint() -> Iterator[str]:
    """One moto server for the tests of a module."""
    with MotoServer() as server:
        yield server.endpoint


@pytest.fixture
def cloud(moto_endpoint: str) -> Cloud:
    """An empty account."""
    urllib.request.urlopen(urllib.request.Request(f"{moto_endpoint}/moto-api/reset", method="POST")).read()
    return Cloud(moto_endpoint)
