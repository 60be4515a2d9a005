from collections.abc import Iterator

import pytest

from tests.support.supervised import Supervised, running_supervisor


@pytest.fixture(scope="module")
def supervised() -> Iterator[Supervised]:
    """One supervisor for a module's tests."""
    with running_supervisor() as running:
        yield running
