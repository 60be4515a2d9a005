from dataclasses import asdict

import pytest
import torch
from inferloop_runtime.serving.embedded.scheduler import BatchScheduler
from inferloop_runtime.serving.embedded.shard_executor import ShardExecutor
from inferloop_runtime.serving.embedded.shard_loading import load_shard
from inferloop_runtime.serving.engine import SamplingParameters

from tests.support.tiny_model import tiny_model

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def shard():
    torch.set_num_threads(1)
    return load_shard(tiny_model(), rank=0, shards=1, dtype=torch.float32, device=CPU, sequence_limit=1024)


@pytest.fixture(scope="module")
def reference():
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_model(), dtype=torch.float32).eval()


def make_scheduler(shard, rows=4):
    executor = ShardExecutor(shard, rank=0, shards=1, rows=rows, length=1024, dtype=torch.float32, device=CPU)
    return BatchScheduler(executor.run, rows=rows, eos_token_ids=[257])


def request(name, prompt, new=8, sampling=None, seed=None, **changes):
    message = {
        "id": name,
        "prompt": prompt,
        "max_new_tokens": new,
        "sampling": asdict(sampling or SamplingParameters()),
        "seed": seed,
        "ignore_eos": True,
        "top_n_tokens": 0,
        "prompt_logprobs": False,
    }
    return message | changes


def prompt_of(length, first=3):
    return [(first + 7 * index) % 256 for index in range(length)]


def finish(scheduler):
    tokens = {}
    while not scheduler.idle:
        for name, token, *_ in scheduler.step():
            tokens.setdefault(name, []).append(token)
    return tokens


def greedy_reference(model, prompt, new):
    ids = torch.tensor([prompt])
    output = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, min_new_tokens=new, do_sample=False
    )
    return output[0, len(prompt) :].tolist()


def test_a_greedy_generation_is_the_one_of_transformers(shard, reference):
    scheduler = make_scheduler(shard)
    prompts = {str(length): prompt_of(length) for length in (1, 5, 40)}
    for name, prompt in prompts.items():
        scheduler.add(request(name, prompt))
    # The reference suppresses the end token for `min_new_tokens`; none of these generations wants it.
    assert finish(scheduler) == {name: greedy_reference(reference, prompt, 8) for name, prompt in prompts.items()}


def test_a_prompt_longer_than_one_step_is_read_in_parts_with_the_same_result(shard, reference):
    scheduler = make_scheduler(shard)
    scheduler.add(request("short", prompt_of(4, first=9), new=12))
    scheduler.add(request("long", prompt_of(600)))
    events = [scheduler.step() for _ in range(2)]
    assert [[event[0] for event in step] for step in events] == [["short"], ["short"]]
    assert finish(scheduler)["long"] == greedy_reference(reference, prompt_of(600), 8)


def test_requests_join_and_leave_between_steps_without_changing_each_other(shard, reference):
    scheduler = make_scheduler(shard, rows=3)
    lengths = {"a": (5, 3), "b": (9, 14), "c": (30, 6), "d": (300, 9), "e": (2, 1), "f": (17, 11)}
    tokens = {}
    for name, (size, new) in lengths.items():
        scheduler.add(request(name, prompt_of(size, first=size), new=new))
        for event in scheduler.step():
            tokens.setdefault(event[0], []).append(event[1])
        assert scheduler.running <= 3
    for name, more in finish(scheduler).items():
        tokens.setdefault(name, []).extend(more)
    assert tokens == {
        name: greedy_reference(reference, prompt_of(size, first=size), new) for name, (size, new) in lengths.items()
    }


def test_more_requests_than_rows_wait_for_their_turn(shard):
    scheduler = make_scheduler(shard, rows=2)
    for name in "abc":
        scheduler.add(request(name, prompt_of(3), new=2))
    scheduler.step()
    assert (scheduler.running, scheduler.waiting) == (2, 1)
    assert sorted(finish(scheduler)) == ["a", "b", "c"]


def test_a_cancelled_request_frees_its_row_at_the_next_step(shard, reference):
    scheduler = make_scheduler(shard, rows=2)
    scheduler.add(request("gone", prompt_of(3), new=100))
    scheduler.add(request("stays", prompt_of(8), new=6))
    scheduler.add(request("waits", prompt_of(11), new=4))
    first = scheduler.step()
    scheduler.cancel("gone")
    names = {event[0] for event in scheduler.step()}
    assert names == {"stays", "waits"}
    tokens = finish(scheduler)
    assert "gone" not in tokens
    assert tokens["stays"] == greedy_reference(reference, prompt_of(8), 6)[2:]
    assert tokens["waits"] == greedy_reference(reference, prompt_of(11), 4)[1:]
    assert [event[0] for event in first] == ["gone", "stays"]


def test_a_request_cancelled_while_its_prompt_is_read_or_it_waits_is_forgotten(shard):
    scheduler = make_scheduler(shard, rows=1)
    scheduler.add(request("reading", prompt_of(600)))
    scheduler.add(request("waiting", prompt_of(3)))
    scheduler.step()
    scheduler.cancel("reading")
    scheduler.cancel("waiting")
    scheduler.cancel("unknown")
    assert scheduler.idle
    scheduler.add(request("next", prompt_of(3), new=1))
    assert list(finish(scheduler)) == ["next"]


def test_one_seed_gives_one_text_alone_or_in_a_batch(shard):
    sampling = SamplingParameters(do_sample=True, temperature=1.2)
    scheduler = make_scheduler(shard)
    scheduler.add(request("it", prompt_of(6), new=20, sampling=sampling, seed=11))
    alone = finish(scheduler)["it"]
    scheduler.add(request("other", prompt_of(9), new=30, sampling=sampling, seed=5))
    scheduler.step()
    scheduler.add(request("it", prompt_of(6), new=20, sampling=sampling, seed=11))
    assert finish(scheduler)["it"] == alone


def test_the_end_token_ends_a_generation_unless_it_is_ignored(shard):
    scheduler = make_scheduler(shard)
    scheduler.add(request("it", prompt_of(6), new=30))
    second = finish(scheduler)["it"][1]
    ending = BatchScheduler(make_scheduler(shard)._run_step, rows=4, eos_token_ids=[second])
    ending.add(request("it", prompt_of(6), new=30, ignore_eos=False))
    ending.add(request("on", prompt_of(6), new=30))
    events = [event for _ in range(3) for event in ending.step() if event[0] == "it"]
    assert [event[3] for event in events] == [None, "eos_token"]
    assert len(finish(ending)["on"]) == 27


def test_prompt_log_probabilities_are_those_of_the_model(shard, reference):
    scheduler = make_scheduler(shard)
    prompt = prompt_of(300)
    scheduler.add(request("it", prompt, new=2, prompt_logprobs=True))
    events = []
    while not scheduler.idle:
        events += scheduler.step()
    first, second = events
    with torch.inference_mode():
        logprobs = reference(torch.tensor([prompt])).logits[0].log_softmax(-1)
    expected = [float(logprobs[index, token]) for index, token in enumerate(prompt[1:])]
    assert first[5][0] is None
    assert first[5][1:] == pytest.approx(expected, abs=1e-4)
    assert second[5] is None


def test_alternatives_come_with_each_token(shard):
    scheduler = make_scheduler(shard)
    scheduler.add(request("it", prompt_of(5), new=3, top_n_tokens=2))
    while not scheduler.idle:
        for _, token, logprob, _, alternatives, _ in scheduler.step():
            assert alternatives[0] == (token, pytest.approx(logprob))
            assert alternatives[1][1] <= logprob
