"""API keys: format, recognition and comparison."""

import re

import pytest
from inferloop_runtime.api_key import hash_of, matches, new_api_key, prefix_of


def test_a_new_key_has_a_public_and_a_secret_part() -> None:
    key = new_api_key()
    assert re.fullmatch(r"il_[a-z2-7]{12}_[a-z2-7]{52}", key)
    assert prefix_of(key) == key[:15]


def test_no_two_keys_are_alike() -> None:
    assert len({new_api_key() for _ in range(200)}) == 200


def test_a_key_matches_its_own_hash_alone() -> None:
    key = new_api_key()
    assert matches(key, hash_of(key))
    assert not matches(new_api_key(), hash_of(key))
    assert len(hash_of(key)) == 32


@pytest.mark.parametrize("text", ["", "il_", "sk-abc", "il_abc_def", "IL_" + "a" * 12 + "_" + "a" * 52, "é" * 68])
def test_what_is_no_key_has_no_prefix(text: str) -> None:
    assert prefix_of(text) is None


def test_a_key_with_a_line_break_at_its_end_is_no_key() -> None:
    assert prefix_of(new_api_key() + "\n") is None
