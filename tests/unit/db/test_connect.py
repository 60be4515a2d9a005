"""What the database's client says, in our own words."""

import asyncpg
import pytest
from inferloop_runtime.db.connect import connect, database_errors
from inferloop_runtime.errors import DatabaseError


@pytest.mark.parametrize(
    "said",
    [
        asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        ConnectionResetError("reset"),
    ],
)
def test_a_server_that_goes_in_the_middle_of_an_operation_is_a_lost_connection(said: Exception) -> None:
    with pytest.raises(DatabaseError, match="the connection to the database was lost"), database_errors():
        raise said


async def test_a_server_that_goes_while_one_connects_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go_away(*arguments: object, **options: object) -> None:
        raise asyncpg.InternalClientError("unexpected state")

    monkeypatch.setattr(asyncpg, "connect", go_away)
    with pytest.raises(DatabaseError, match=r"127\.0\.0\.1:5432: the server went away meanwhile") as raised:
        await connect("postgresql://u:hidden@127.0.0.1:5432/x")
    assert "hidden" not in str(raised.value)
