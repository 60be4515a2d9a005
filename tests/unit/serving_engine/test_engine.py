import asyncio
import json
import os
import subprocess
import sys

import psutil
import pytest
import pytest_asyncio
from inferloop_runtime.errors import EngineError, ModelError, ShardingError
from inferloop_runtime.serving.embedded import EmbeddedEngine
from inferloop_runtime.serving.engine import FinishReason, GenerationRequest
from inferloop_runtime.serving.weights.manifest import read_manifest

from tests.support.embedded_engine import collect, engine_settings, generation, running_engine
from tests.support.tiny_model import tiny_model

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def engine(tmp_path_factory):
    async with running_engine(tmp_path_factory.mktemp("run"), max_batch_size=3) as engine:
        yield engine


def shard_pids(engine):
    return json.loads((engine._settings.run_dir / "shards.json").read_bytes())


async def test_a_generation_is_its_tokens_and_one_end(engine):
    tokens, end = await collect(engine, generation(engine, "Hello", new=10))
    assert len(tokens) == end.completion_tokens == 10
    assert end.finish_reason is FinishReason.LENGTH
    assert end.prompt_tokens == 6
    assert "".join(token.text for token in tokens if not token.special) == end.generated_text
    assert end.generated_text == engine.tokenizer.decode([token.token_id for token in tokens])
    assert all(token.logprob <= 0 for token in tokens)
    assert end.seed is None


async def test_the_engine_describes_what_it_serves(engine):
    info = engine.info
    assert (info.model_id, info.dtype, info.device, info.shards) == ("tiny", "float32", "cpu", 1)
    assert (info.sequence_limit, info.vocabulary_size) == (2048, 258)
    assert info.revision == read_manifest(tiny_model()).revision


async def test_sampling_with_a_seed_repeats_and_without_one_reports_the_drawn_seed(engine):
    sampling = {"do_sample": True, "temperature": 1.5}
    _, drawn = await collect(engine, generation(engine, "Hi", sampling=sampling))
    _, repeated = await collect(engine, generation(engine, "Hi", sampling=sampling | {"seed": drawn.seed}))
    _, other = await collect(engine, generation(engine, "Hi", sampling=sampling | {"seed": 1}))
    assert repeated.generated_text == drawn.generated_text != other.generated_text
    assert other.seed == 1


async def test_a_seed_larger_than_the_generator_takes_is_accepted(engine):
    sampling = {"do_sample": True, "seed": 2**70 + 5}
    assert (await collect(engine, generation(engine, "Hi", sampling=sampling)))[1].seed == 2**70 + 5


async def test_a_seed_gives_the_same_text_among_other_requests(engine):
    request = generation(engine, "Same", new=30, sampling={"do_sample": True, "seed": 3})
    alone = (await collect(engine, request))[1].generated_text
    others = [generation(engine, "x" * size, new=20, sampling={"do_sample": True}) for size in (3, 40, 90, 7)]
    together, *_ = await asyncio.gather(*(collect(engine, item) for item in (request, *others)))
    assert together[1].generated_text == alone


async def test_text_ends_before_a_stop_sequence_that_spans_tokens(engine):
    _, whole = await collect(engine, generation(engine, "Stop", new=40))
    stop = whole.generated_text[10:13]
    tokens, end = await collect(engine, generation(engine, "Stop", new=40, stop_sequences=("never", stop)))
    assert end.finish_reason is FinishReason.STOP_SEQUENCE
    assert end.stop_sequence == stop
    assert end.generated_text == whole.generated_text[: whole.generated_text.index(stop)]
    assert end.completion_tokens == len(tokens) < 40
    assert "".join(token.text for token in tokens).startswith(end.generated_text + stop)


async def test_a_generation_after_a_stopped_one_is_not_disturbed_by_it(engine):
    _, whole = await collect(engine, generation(engine, "Stop", new=40))
    await collect(engine, generation(engine, "Stop", new=500, stop_sequences=(whole.generated_text[5],)))
    _, again = await collect(engine, generation(engine, "Stop", new=40))
    assert again == whole


async def test_the_end_token_ends_the_generation_and_is_special(engine):
    # The end token is made likely by asking for everything: one seed in a few reaches it.
    sampling = {"do_sample": True, "temperature": 3.0}
    for seed in range(40):
        request = generation(engine, "End", new=200, sampling=sampling | {"seed": seed}, ignore_eos=False)
        tokens, end = await collect(engine, request)
        if end.finish_reason is FinishReason.EOS_TOKEN:
            break
    assert end.finish_reason is FinishReason.EOS_TOKEN
    assert (tokens[-1].token_id, tokens[-1].special, tokens[-1].text) == (257, True, "</s>")
    assert "</s>" not in end.generated_text
    again, unended = await collect(engine, generation(engine, "End", new=200, sampling=sampling | {"seed": seed}))
    assert again[: len(tokens)] == tokens
    assert unended.completion_tokens == 200


async def test_alternatives_and_prompt_log_probabilities_come_when_asked_for(engine):
    tokens, end = await collect(engine, generation(engine, "Hello", new=3, top_n_tokens=2, prompt_logprobs=True))
    assert all(len(token.alternatives) == 2 for token in tokens)
    assert tokens[0].alternatives[0].token_id == tokens[0].token_id
    assert tokens[0].alternatives[0].text == engine.tokenizer.token_text(tokens[0].token_id)
    assert len(end.prompt_logprobs) == end.prompt_tokens
    assert end.prompt_logprobs[0] is None
    plain_tokens, plain = await collect(engine, generation(engine, "Hello", new=3))
    assert plain.prompt_logprobs == ()
    assert plain_tokens[0].alternatives == ()


async def test_many_requests_share_the_batch_and_the_rest_wait(engine):
    requests = [generation(engine, f"Request {number}", new=150) for number in range(8)]
    tasks = [asyncio.create_task(collect(engine, request)) for request in requests]
    async with asyncio.timeout(30):
        while engine.batch_size < 3:
            await asyncio.sleep(0.001)
    assert engine.queue_size == 5
    together = [end.generated_text for _, end in await asyncio.gather(*tasks)]
    assert engine.batch_size == engine.queue_size == 0
    assert together == [(await collect(engine, request))[1].generated_text for request in requests]


async def test_leaving_early_frees_the_place_for_those_who_wait(engine):
    long = [engine.generate(generation(engine, "Long", new=2000)) for _ in range(3)]
    for events in long:
        await anext(events)
    waiting = asyncio.create_task(collect(engine, generation(engine, "Short", new=2)))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    for events in long:
        await events.aclose()
    async with asyncio.timeout(20):
        await waiting
    assert engine.batch_size == 0


@pytest.mark.parametrize(
    ("prompt", "new", "message"),
    [
        ((1,) * 2000, 49, "at most 2048"),
        ((), 5, "at least 1"),
        ((1,), 0, "at least 1"),
        ((1, 258), 5, "outside the vocabulary"),
        ((-1,), 5, "outside the vocabulary"),
    ],
)
async def test_a_request_that_cannot_be_served_is_refused(engine, prompt, new, message):
    with pytest.raises(EngineError, match=message):
        await collect(engine, GenerationRequest("test", prompt, new))


async def test_a_request_that_fills_the_whole_sequence_is_served(engine):
    request = GenerationRequest("test", (1,) * 2040, 8, ignore_eos=True)
    assert (await collect(engine, request))[1].completion_tokens == 8


async def test_an_idle_engine_uses_no_processor_time(engine):
    processes = [psutil.Process(pid) for pid in shard_pids(engine).values()]
    processes += psutil.Process().children()
    before = [sum(process.cpu_times()[:2]) for process in processes]
    await asyncio.sleep(2)
    after = [sum(process.cpu_times()[:2]) for process in processes]
    assert sum(after) - sum(before) <= 0.02


async def test_before_its_start_an_engine_refuses_requests(tmp_path):
    engine = EmbeddedEngine(engine_settings(tmp_path))
    assert not engine.healthy
    with pytest.raises(EngineError, match="loading"):
        await collect(engine, generation(engine, "Hi"))


async def test_a_degree_that_cannot_be_is_refused_before_anything_starts(tmp_path):
    with pytest.raises(ShardingError, match="one of 1, 3"):
        EmbeddedEngine(engine_settings(tmp_path, shards=2))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
async def test_a_folder_that_lacks_a_file_is_refused(tmp_path, name):
    for path in tiny_model().iterdir():
        if path.name != name:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ModelError):
        EmbeddedEngine(engine_settings(tmp_path, model_path=tmp_path))


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
async def test_a_configuration_that_is_no_model_is_refused(tmp_path, content):
    for path in tiny_model().iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ModelError, match=r"config\.json"):
        EmbeddedEngine(engine_settings(tmp_path, model_path=tmp_path))


async def test_the_front_process_imports_no_torch():
    code = "import sys; import inferloop_runtime.serving.embedded; sys.exit('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], check=False, env=dict(os.environ))
    assert result.returncode == 0
