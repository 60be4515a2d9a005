import asyncpg


async def test_the_test_database_is_postgresql_18_with_vector_search(empty_database: str) -> None:
    connection = await asyncpg.connect(empty_database)
    await connection.execute("CREATE EXTENSION vector")
    assert str(await connection.fetchval("SHOW server_version")).startswith("18.")
    await connection.close()
