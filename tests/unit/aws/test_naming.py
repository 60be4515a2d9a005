import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.aws.naming import NAME_RULES, physical_name
from components.aws.tags import REQUIRED_TAGS, Tags
from components.errors import SettingsError

PARTS = st.lists(st.text("abcXYZ019-_/. é", min_size=1, max_size=80), min_size=1, max_size=6)


@given(kind=st.sampled_from(sorted(NAME_RULES)), parts=PARTS)
def test_a_name_fits_its_rule_and_stays_the_same(kind: str, parts: list[str]) -> None:
    assume(any(part[0].isalpha() and part[0].isascii() for part in parts))
    try:
        name = physical_name(kind, *parts)
    except SettingsError:
        assume(False)
    rule = NAME_RULES[kind]
    assert 1 <= len(name) <= rule.longest
    assert re.search(rule.forbidden, name) is None
    assert name == physical_name(kind, *parts)


@given(kind=st.sampled_from(sorted(NAME_RULES)), one=PARTS, other=PARTS)
def test_different_parts_get_different_names(kind: str, one: list[str], other: list[str]) -> None:
    assume("-".join(one) != "-".join(other))
    try:
        assert physical_name(kind, *one) != physical_name(kind, *other)
    except SettingsError:
        assume(False)


def test_a_name_that_fits_is_left_alone_and_a_long_one_keeps_its_beginning() -> None:
    assert physical_name("cluster", "staging-aws", "cluster") == "staging-aws-cluster"
    long = physical_name("cache", "staging-aws", "a" * 60)
    assert long.startswith("staging-aws-aaa")
    assert len(long) == 40


def test_an_unknown_kind_and_an_empty_name_are_refused() -> None:
    with pytest.raises(SettingsError, match="no naming rule for 'castle'; known are cluster"):
        physical_name("castle", "x")
    with pytest.raises(SettingsError, match="begin it with a letter"):
        physical_name("cluster", "---")


def test_tags_name_phase_stack_owner_and_cost_centre() -> None:
    tags = Tags(phase="staging", stack="staging-aws", owner="team", cost_centre="4711")
    assert set(tags.of("network")) == REQUIRED_TAGS | {"Name"}
    assert tags.of("network")["Name"] == "staging-aws-network"
    assert tags.of("data", backup=True)["inferloop:backup"] == "staging-aws"


@pytest.mark.parametrize("owner", ["", "team;rm", "x" * 257])
def test_a_tag_that_some_service_refuses_is_refused_here(owner: str) -> None:
    with pytest.raises(ValidationError):
        Tags(phase="staging", stack="staging-aws", owner=owner, cost_centre="4711")
