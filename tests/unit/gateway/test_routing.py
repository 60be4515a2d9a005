"""Several models and several servers of one model behind one gateway."""

from pathlib import Path

from tests.support.gateway import running_gateway
from tests.support.postgres import free_port
from tests.support.scripted_upstream import running_upstream


async def test_the_model_of_the_request_decides_where_it_goes(database: str, tmp_path: Path) -> None:
    async with (
        running_upstream(model="small") as small,
        running_upstream(model="large") as large,
        running_gateway(tmp_path, database, [("small", small.url), ("large", large.url)]) as gateway,
    ):
        async with gateway.chat(model="large") as response:
            assert response.status == 200
        assert (len(small.requests), len(large.requests)) == (0, 1)
        async with gateway.post("/generate", {"inputs": "Hi"}) as response:
            assert response.status == 200
        assert len(small.requests) == 1
        async with gateway.chat(model="huge") as response:
            error = (await response.json())["error"]
        assert (response.status, error["code"]) == (404, "model_not_found")
        assert "small, large" in error["message"]
        async with gateway.session.get(gateway.url + "/v1/models", headers=gateway.headers()) as response:
            assert [item["id"] for item in (await response.json())["data"]] == ["small", "large"]


async def test_the_only_model_answers_to_every_name(database: str, tmp_path: Path) -> None:
    async with (
        running_upstream() as upstream,
        running_gateway(tmp_path, database, [("tiny", upstream.url)]) as gateway,
        gateway.chat(model="tgi") as response,
    ):
        assert response.status == 200


async def test_a_healthy_server_is_preferred_to_one_that_is_away(database: str, tmp_path: Path) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    async with (
        running_upstream() as upstream,
        running_gateway(tmp_path, database, [("tiny", away), ("tiny", upstream.url)]) as gateway,
    ):
        for _ in range(5):
            async with gateway.chat() as response:
                assert response.status == 200
