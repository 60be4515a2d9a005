from typing import Any

import pytest

from stacks.policies.environment import secret_in
from stacks.policies.resource import UNKNOWN


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_PASSWORD", "x"),
        ("hf_token", "x"),
        ("API_KEY", "x"),
        ("aws.secret-access.key", "x"),
        ("DSN", UNKNOWN),
        ("URL", "postgresql://user:password@db/x"),
        ("ANYTHING", "AKIA" + "IOSFODNN7EXAMPLE"),
        ("ANYTHING", "-----BEGIN EC " + "PRIVATE KEY-----\nabc"),
        ("ANYTHING", "il_" + "a" * 12 + "_" + "b" * 52),
        ("ANYTHING", "hf_" + "a" * 34),
        ("ANYTHING", "ghp_" + "a" * 36),
    ],
)
def test_a_secret_in_clear_is_recognised(name: str, value: Any) -> None:
    problem = secret_in(name, value)
    assert problem is not None
    assert not isinstance(value, str) or len(value) < 2 or value not in problem


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_PASSWORD", None),
        ("DATABASE_PASSWORD", ""),
        ("DATABASE_PASSWORD", "/secrets/password"),
        ("DATABASE_PASSWORD", "$(OTHER)"),
        ("DATABASE_PASSWORD_FILE", "x"),
        ("SECRET_NAME", "database"),
        ("MAX_TOTAL_TOKENS", "2048"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("KEYBOARD", "x"),
        ("DATABASE_URL", "postgresql://db:5432/x"),
        ("HOME", UNKNOWN),
        (UNKNOWN, "x"),
        ("_", "x"),
    ],
)
def test_what_is_no_secret_is_left_alone(name: Any, value: Any) -> None:
    assert secret_in(name, value) is None
