"""A stack configuration is read as the engine reads it, and everything in it has a place."""

import datetime

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from inferloop.stack_document import ENCRYPTED, Flaw, Mark, dump_document, parse_document

# What the engine (v3.259.0) hands a program for these scalars, seen in `pulumi.runtime.config`.
AS_THE_ENGINE_READS = {
    "true": "true",
    "yes": "yes",
    "off": "off",
    "3": "3",
    "0.10": "0.1",
    "123456789012": "123456789012",
    "012345670123": "1402433619",
    "1:30": "1:30",
    "2026-01-02": "2026-01-02 00:00:00 +0000 UTC",
    "2026-01-02T03:04:05Z": "2026-01-02 03:04:05 +0000 UTC",
    '"text"': "text",
    "'3'": "3",
    "~": "",
    "": "",
    "[1, on, ~]": '[1, "on", null]',
    "{x: yes, y: 0.10, 2: two, b: true}": '{"x": "yes", "y": 0.1, "2": "two", "b": true}',
    "1e3": "1000",
}


@pytest.mark.parametrize(("written", "read"), AS_THE_ENGINE_READS.items())
def test_a_value_is_read_as_the_engine_reads_it(written: str, read: str) -> None:
    document = parse_document(f"config:\n  inferloop:a: {written}\n")
    assert document.flaws == ()
    assert document.texts() == {"a": read}


def test_a_key_without_a_namespace_is_the_projects_and_others_are_left_alone() -> None:
    document = parse_document("config: {a: 1, inferloop:b: 2, aws:region: eu, kubernetes:context: x}")
    assert document.settings == {"a": 1, "b": 2}
    assert document.flaws == ()


def test_encrypted_values_are_found_at_any_depth_and_never_handed_over() -> None:
    document = parse_document("config:\n  inferloop:a: {secure: v1:x}\n  inferloop:b: {c: [{secure: v1:y}]}\n  d: 1\n")
    assert document.settings == {"a": ENCRYPTED, "b": {"c": [ENCRYPTED]}, "d": 1}
    assert document.encrypted == (("a",), ("b", "c", 0))
    assert document.texts() == {"d": "1"}


CONFIGURATION = """\
secretsprovider: passphrase
config:
  inferloop:model:
    source: tiny
    shards: 3
  inferloop:capture:
    - dataset: a
      columns: [{name: b}]
  inferloop:ports: {gateway: 80, metrics: 81}
  plain: text
"""


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        (("model",), 3, 3),
        (("model", "shards"), 5, 13),
        (("model", "absent"), 3, 3),
        (("capture", 0), 7, 7),
        (("capture", 0, "columns", 0, "name"), 8, 24),
        (("capture", 3), 6, 3),
        (("ports", "metrics"), 9, 43),
        (("plain",), 10, 10),
        (("plain", "deeper"), 10, 10),
        (("absent",), 2, 1),
        ((), 2, 1),
    ],
)
def test_every_setting_has_its_line_and_column(path: tuple[str | int, ...], line: int, column: int) -> None:
    assert parse_document(CONFIGURATION).mark_of(path) == Mark(line, column)


def test_a_keys_own_place_can_be_asked_for() -> None:
    assert parse_document(CONFIGURATION).mark_of(("model", "shards"), of_key=True) == Mark(5, 5)


def test_a_value_without_quotes_is_told_from_one_with() -> None:
    document = parse_document("config: {a: 1.30, b: '1.30', c: [1]}")
    assert document.source_of(("a",)) == "1.30"
    assert document.source_of(("b",)) is None
    assert document.source_of(("c",)) is None
    assert document.source_of(("d",)) is None


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("config:\n  a: {b: 1, b: 2}\n", Flaw(Mark(2, 13), "b", "stands here again; it stands on line 2")),
        ("config:\n  a: 1\n  a: 2\n", Flaw(Mark(3, 3), "a", "stands here again; it stands on line 2")),
        ("config:\n  a: 1\n  inferloop:a: 2\n", Flaw(Mark(3, 3), "inferloop:a", "same setting as a")),
        ("config:\n  inferlop:a: 1\n", Flaw(Mark(2, 3), "inferlop:a", "did you mean inferloop:a?")),
        ("config: {}\ninferloop:a: 1\n", Flaw(Mark(2, 1), "inferloop:a", "stands outside `config`")),
        ("confg:\n  a: 1\n", Flaw(Mark(1, 1), "confg", "did you mean config?")),
        ("config:\n\ta: 1\n", Flaw(Mark(2, 1), "", "indented with a tab")),
        ("config:\n  a: 1\n   b: 1\n", Flaw(Mark(3, 5), "", "look at the indentation")),
        ("config:\n  a: 'open\n", Flaw(Mark(3, 1), "", "found unexpected end of stream")),
        ("config: 3\n", Flaw(Mark(1, 1), "config", "must be a mapping")),
        ("[1]", Flaw(Mark(1, 1), "config", "must be a mapping")),
        ("config: {a: !!python/name:os.system x}", Flaw(Mark(1, 13), "", "is no YAML")),
    ],
)
def test_what_is_wrong_with_the_file_itself_is_named_with_its_place(text: str, flaw: Flaw) -> None:
    (found,) = parse_document(text).flaws
    assert (found.mark, found.key) == (flaw.mark, flaw.key)
    assert flaw.what in found.what


def test_aliases_and_merges_are_followed_to_where_they_were_written() -> None:
    text = "config:\n  a: &base {x: 1, y: 2}\n  b:\n    <<: *base\n    y: 3\n  c: *base\n"
    document = parse_document(text)
    assert document.flaws == ()
    assert document.settings["b"] == {"x": 1, "y": 3}
    assert document.mark_of(("b", "y")) == Mark(5, 8)
    assert document.mark_of(("b", "x")) == Mark(2, 16)
    assert document.mark_of(("c", "y")) == Mark(2, 22)


def test_an_empty_file_configures_nothing() -> None:
    document = parse_document("")
    assert (document.settings, document.flaws, document.content) == ({}, (), {})
    assert document.mark_of(("a",)) == Mark(1, 1)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_has_a_flaw(text: str) -> None:
    document = parse_document(text)
    assert document.is_readable or document.flaws


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc"))) | st.sampled_from(
    ["yes", "off", "1e3", "0o17", "017", "1:30", "2026-01-02", "~", "<<", "1_000", ".5", "true", "null", "=", "0x1F"]
)


@settings(deadline=None)
@given(st.dictionaries(TEXT, st.recursive(PLAIN | TEXT, lambda it: st.lists(it, max_size=3), max_leaves=5)))
def test_what_is_written_for_the_engine_is_read_back_by_either_reader(config: dict[str, object]) -> None:
    written = dump_document({"config": config})
    assert parse_document(written).content == {"config": config}
    assert yaml.safe_load(written) == {"config": config}


def test_a_time_is_no_date_object() -> None:
    content = parse_document("config: {a: 2026-01-02}").content
    assert not isinstance(content["config"]["a"], datetime.date)
