"""A dev stack with the tiny model for every test of the engine."""

from collections.abc import Iterator

import pytest

from stacks.rehearsal.aws.plugin import SCHEMAS
from tests.support.pulumi_stack import PulumiStack, engine_path, pulumi_stack


@pytest.fixture(scope="session")
def engine() -> list[str]:
    """The folders of the engine; tests are skipped where there is none."""
    found = engine_path()
    if found is None:
        pytest.skip("no Pulumi engine: run `make setup`")
    return found


@pytest.fixture(scope="session", autouse=True)
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let every plugin of the session read what the first one has read of the AWS SDK."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SCHEMAS, str(tmp_path_factory.getbasetemp() / "schemas.jsonl"))
        yield


@pytest.fixture
def fresh_stack(engine: list[str]) -> Iterator[PulumiStack]:
    """A stack that is not up yet and belongs to one test."""
    with pulumi_stack(engine) as stack:
        yield stack


@pytest.fixture(scope="session")
def shared_stack(engine: list[str]) -> Iterator[PulumiStack]:
    """A stack for the tests that leave it whole."""
    with pulumi_stack(engine) as stack:
        stack.up()
        yield stack


@pytest.fixture
def stack(shared_stack: PulumiStack) -> PulumiStack:
    """The shared stack, whole whatever the test before did."""
    shared_stack.up()
    return shared_stack
