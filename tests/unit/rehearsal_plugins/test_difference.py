from stacks.rehearsal.plugins.difference import Change, compare
from stacks.rehearsal.plugins.properties import UNKNOWN


def test_changes_are_named_by_their_paths() -> None:
    found = compare(
        {"tags": {"a": "1", "b": "2"}, "rules": [{"status": "on"}]},
        {"tags": {"a": "1", "c.d": "3"}, "rules": [{"status": "off"}, {"status": "on"}]},
    )
    assert found.changes == {
        "tags.b": Change.DELETE,
        'tags["c.d"]': Change.ADD,
        "rules[0].status": Change.UPDATE,
        "rules[1]": Change.ADD,
    }
    assert found.properties == ["tags", "rules"]
    assert found.replaces == frozenset()


def test_only_a_change_of_a_replacing_property_replaces() -> None:
    old = {"vpcConfig": {"subnetIds": ["a"], "public": False}, "cidr": "x"}
    new = {"vpcConfig": {"subnetIds": ["b"], "public": True}, "cidr": "x"}
    assert compare(old, new, replaces=["vpcConfig.subnetIds", "cidr"]).replaces == {"vpcConfig.subnetIds[0]"}


def test_an_unknown_new_value_counts_as_a_change() -> None:
    assert compare({"id": "a"}, {"id": UNKNOWN}).changes == {"id": Change.UPDATE}


def test_the_same_json_written_differently_is_no_change() -> None:
    assert compare({"policy": '{"a": [1, 2]}'}, {"policy": '{"a":[1,2]}'}).changes == {}


def test_true_is_not_one() -> None:
    assert compare({"on": 1}, {"on": True}).changes == {"on": Change.UPDATE}


def test_ignored_paths_and_bookkeeping_do_not_count() -> None:
    old = {"tags": {"a": "1"}, "__defaults": ["name"]}
    assert compare(old, {"tags": {"a": "2"}}, ignored=["tags"]).changes == {}
