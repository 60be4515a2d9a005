import asyncio
import json
import os
import signal
import subprocess
import sys

import psutil
import pytest
import pytest_asyncio
from inferloop_runtime.errors import EngineError
from inferloop_runtime.serving.embedded import EmbeddedEngine

from tests.support.embedded_engine import (
    START_TIMEOUT_S,
    collect,
    engine_settings,
    generation,
    running_engine,
    wait_until_healthy,
)
from tests.support.tiny_model import tiny_model

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.faults]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def engine(tmp_path_factory):
    async with running_engine(tmp_path_factory.mktemp("run"), shards=3, max_batch_size=2) as engine:
        yield engine


def shard_pids(run_dir):
    return {int(rank): pid for rank, pid in json.loads((run_dir / "shards.json").read_bytes()).items()}


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def until(condition, timeout_s=START_TIMEOUT_S):
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


async def test_three_shards_generate_what_one_does(engine, tmp_path_factory):
    async with running_engine(tmp_path_factory.mktemp("one")) as whole:
        for prompt in ("Hello", "A longer prompt " * 40):
            request = generation(engine, prompt, new=12)
            ours, theirs = await collect(engine, request), await collect(whole, request)
            assert ours[1].generated_text == theirs[1].generated_text


@pytest.mark.parametrize("victim", [0, 1, 2, "host"])
async def test_a_lost_process_fails_requests_at_once_and_the_shards_come_back_whole(engine, victim):
    before = shard_pids(engine._settings.run_dir)
    host = psutil.Process(before[0]).ppid()
    tasks = [asyncio.create_task(collect(engine, generation(engine, "Hi", new=2000))) for _ in range(4)]
    await until(lambda: engine.batch_size == 2)
    os.kill(host if victim == "host" else before[victim], signal.SIGKILL)
    async with asyncio.timeout(5):
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert not engine.healthy
    assert [type(result) for result in results] == [EngineError] * 4
    assert "send the request again" in str(results[0])
    with pytest.raises(EngineError, match="cannot generate now"):
        await collect(engine, generation(engine, "Hi"))
    await wait_until_healthy(engine)
    after = shard_pids(engine._settings.run_dir)
    assert not set(before.values()) & set(after.values())
    await until(lambda: all(gone(pid) for pid in before.values()), timeout_s=5)
    assert len((await collect(engine, generation(engine, "Hi", new=4)))[0]) == 4


async def test_stopping_fails_running_requests_and_leaves_no_process_or_file(tmp_path):
    engine = EmbeddedEngine(engine_settings(tmp_path / "run"))
    await engine.start()
    await wait_until_healthy(engine)
    pid = shard_pids(tmp_path / "run")[0]
    host = psutil.Process(pid).ppid()
    task = asyncio.create_task(collect(engine, generation(engine, "Hi", new=2000)))
    await until(lambda: engine.batch_size == 1)
    await engine.stop()
    with pytest.raises(EngineError, match="stopping"):
        await task
    assert gone(pid)
    assert gone(host)
    assert list((tmp_path / "run").iterdir()) == []
    assert not engine.healthy
    with pytest.raises(EngineError, match="stopped"):
        await collect(engine, generation(engine, "Hi"))


async def test_stopping_while_the_shards_load_leaves_nothing(tmp_path):
    before = set(psutil.Process().children(recursive=True))
    engine = EmbeddedEngine(engine_settings(tmp_path / "run"))
    await engine.start()
    await asyncio.sleep(0.5)
    await engine.stop()
    assert set(psutil.Process().children(recursive=True)) <= before
    assert not (tmp_path / "run" / "shards.json").exists()


async def test_shards_that_cannot_load_are_reported_and_tried_again(tmp_path):
    for path in tiny_model().iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(b"damage")
    engine = EmbeddedEngine(engine_settings(tmp_path / "run", model_path=tmp_path))
    await engine.start()
    try:
        await until(lambda: "cannot be loaded" in engine._last_failure)
        with pytest.raises(EngineError, match="weights verify"):
            await collect(engine, generation(engine, "Hi"))
        (tmp_path / "model.safetensors").write_bytes(weights)
        await wait_until_healthy(engine)
    finally:
        await engine.stop()


FRONT = """
import asyncio, pathlib, sys
from inferloop_runtime.serving.embedded import EmbeddedEngine
from inferloop_runtime.serving.settings import ServeSettings

async def main():
    model, run_dir = map(pathlib.Path, sys.argv[1:])
    engine = EmbeddedEngine(
        ServeSettings(model_path=model, model_id="tiny", port=0, shards=3, threads=1, run_dir=run_dir))
    await engine.start()
    while not engine.healthy:
        await asyncio.sleep(0.02)
    print("ready", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_shards_end_with_a_front_process_that_is_killed(tmp_path):
    front = subprocess.Popen([sys.executable, "-c", FRONT, str(tiny_model()), str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert await asyncio.to_thread(front.stdout.readline) == b"ready\n"
        pids = [*shard_pids(tmp_path).values()]
        pids.append(psutil.Process(pids[0]).ppid())
    finally:
        front.kill()
        front.communicate()
    await until(lambda: all(gone(pid) for pid in pids), timeout_s=5)
