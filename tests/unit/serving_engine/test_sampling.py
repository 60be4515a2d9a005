import math

import pytest
import torch
from inferloop_runtime.serving.embedded.sampling import TokenSampler, choose_plainly, prompt_logprobs
from inferloop_runtime.serving.engine import SamplingParameters

LOGITS = torch.tensor([1.0, 3.0, 2.0, -1.0, 0.0])


def draw(count=300, logits=LOGITS, seed=7, **parameters):
    sampler = TokenSampler(SamplingParameters(do_sample=True, **parameters), seed, [], 0)
    return [sampler.choose(logits).token_id for _ in range(count)]


def test_greedy_takes_the_likeliest_token_with_its_log_probability():
    choice = TokenSampler(SamplingParameters(), None, [], 0).choose(LOGITS)
    assert choice.token_id == 1
    assert choice.logprob == pytest.approx(float(LOGITS.log_softmax(0)[1]))


def test_choosing_for_many_at_once_is_the_same_as_one_by_one():
    logits = torch.randn(5, 50)
    together = choose_plainly(logits)
    alone = [TokenSampler(SamplingParameters(), None, [], 0).choose(row) for row in logits]
    assert [item.token_id for item in together] == [item.token_id for item in alone]
    assert [item.logprob for item in together] == pytest.approx([item.logprob for item in alone])


def test_alternatives_are_the_likeliest_tokens_in_order():
    choice = TokenSampler(SamplingParameters(), None, [], 3).choose(LOGITS)
    assert [token for token, _ in choice.alternatives] == [1, 2, 0]
    assert choice.alternatives[0][1] == pytest.approx(choice.logprob)


def test_one_seed_gives_one_sequence_and_another_seed_another():
    assert draw(seed=1) == draw(seed=1)
    assert draw(seed=1) != draw(seed=2)


def test_sampling_follows_the_distribution():
    tokens = draw(count=4000)
    expected = LOGITS.softmax(0)
    for token in range(5):
        assert tokens.count(token) / 4000 == pytest.approx(float(expected[token]), abs=0.03)


def test_a_low_temperature_sharpens_and_a_high_one_flattens():
    assert draw(temperature=0.1).count(1) > draw().count(1) > draw(temperature=5.0).count(1)


def test_top_k_keeps_the_k_likeliest():
    assert set(draw(top_k=2)) == {1, 2}


def test_top_p_keeps_the_likeliest_that_reach_it():
    assert set(draw(top_p=0.01)) == {1}
    assert set(draw(top_p=0.8)) == {1, 2}


def test_top_p_over_a_flat_vocabulary_looks_beyond_its_short_list():
    assert max(draw(logits=-torch.arange(2000) * 1e-6, top_p=0.9)) > 1000


def test_top_p_applies_to_what_top_k_kept():
    assert set(draw(top_k=2, top_p=0.99)) == {1, 2}
    assert set(draw(top_k=2, top_p=0.5)) == {1}


def test_typical_p_keeps_tokens_of_expected_information():
    logits = torch.tensor([0.6, 0.1, 0.1, 0.1, 0.1]).log()
    assert 0 not in set(draw(logits=logits, typical_p=0.2)) or set(draw(logits=logits, typical_p=0.2)) == {0}
    assert len(set(draw(logits=logits, typical_p=0.2))) < 5
    assert set(draw(logits=logits, typical_p=1.0)) == {0, 1, 2, 3, 4}


def test_a_repetition_penalty_moves_off_tokens_of_prompt_and_output():
    sampler = TokenSampler(SamplingParameters(repetition_penalty=10.0), None, [1], 0)
    assert [sampler.choose(LOGITS).token_id for _ in range(2)] == [2, 0]


def test_a_repetition_penalty_lowers_negative_scores_too():
    sampler = TokenSampler(SamplingParameters(repetition_penalty=3.0), None, [0], 0)
    assert sampler.choose(torch.tensor([-1.0, -2.0])).token_id == 1


def test_a_frequency_penalty_grows_with_each_use_and_ignores_the_prompt():
    sampler = TokenSampler(SamplingParameters(frequency_penalty=0.6), None, [1], 0)
    assert [sampler.choose(LOGITS).token_id for _ in range(3)] == [1, 1, 2]


def test_a_presence_penalty_counts_once():
    sampler = TokenSampler(SamplingParameters(presence_penalty=0.9), None, [], 0)
    assert [sampler.choose(LOGITS).token_id for _ in range(3)] == [1, 1, 1]
    stronger = TokenSampler(SamplingParameters(presence_penalty=1.5), None, [], 0)
    assert [stronger.choose(LOGITS).token_id for _ in range(2)] == [1, 2]


def test_log_probabilities_are_the_models_own_whatever_the_penalties():
    sampler = TokenSampler(SamplingParameters(repetition_penalty=10.0), None, [1], 0)
    choice = sampler.choose(LOGITS)
    assert choice.logprob == pytest.approx(float(LOGITS.log_softmax(0)[2]))


def test_prompt_log_probabilities_are_of_the_token_that_follows():
    logits = torch.stack([LOGITS, torch.zeros(5)])
    assert prompt_logprobs(logits, [2, 4]) == pytest.approx([float(LOGITS.log_softmax(0)[2]), -math.log(5)])
