import base64
import json
from pathlib import Path
from typing import Any

from stacks.rehearsal.deployment import Deployment, changed_inputs, read_deployment
from stacks.rehearsal.plugins.journal import Fidelity, JournalEntry
from stacks.rehearsal.report import ResourceChange, Standing
from stacks.rehearsal.secret_scan import find_secrets
from stacks.rehearsal.types_used import types_used

SIGNATURE = "4dabf18193072939515e22adb298388d"
BUCKET = "aws:s3/bucket:Bucket"


def secret(value: Any) -> dict[str, str]:
    return {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps(value)}


def thing(name: str, token: str = BUCKET, **changes: Any) -> dict[str, Any]:
    return {"urn": f"urn:pulumi:s::p::{token}::{name}", "type": token, "custom": True, "id": name, **changes}


def deployment(*resources: dict[str, Any], **changes: Any) -> Deployment:
    return read_deployment(json.dumps({"deployment": {"resources": list(resources), **changes}}))


def test_only_things_of_providers_are_kept() -> None:
    read = deployment(
        {"urn": "s", "type": "pulumi:pulumi:Stack", "outputs": {"url": "u", "key": secret("opensesame")}},
        thing("cloud", "pulumi:providers:aws"),
        {"urn": "c", "type": "inferloop:aws:Network"},
        thing("data", inputs={"tags": {"a": "1"}}),
        thing("old", delete=True),
        pending_operations=[{}],
    )
    assert [item.name for item in read.things.values()] == ["data"]
    assert read.outputs == {"url": "u", "key": "opensesame"}
    assert read.pending == 1


def test_secrets_are_found_wherever_they_are_and_read_in_plain() -> None:
    read = deployment(
        thing("data", inputs={"password": secret("opensesame"), "list": [secret("short")]}),
        thing("map", outputs={"nested": secret({"user": "postgres", "password": "a-long-enough-password"})}),
    )
    assert read.secrets == {"opensesame", "a-long-enough-password"}
    (data, _) = read.things.values()
    assert data.inputs == {"password": "opensesame", "list": ["short"]}


def test_an_empty_stack_has_nothing() -> None:
    assert read_deployment('{"deployment": null}').things == {}


def test_differences_name_the_properties_and_what_is_new_gone_or_replaced() -> None:
    before = deployment(
        thing("same", inputs={"a": 1}), thing("changed", inputs={"a": 1, "b": 1}), thing("gone"), thing("other")
    )
    after = deployment(
        thing("same", inputs={"a": 1}, outputs={"x": 1}),
        thing("changed", inputs={"a": 2, "c": 1}),
        thing("new"),
        thing("other", id="another"),
    )
    found = {urn.rsplit("::", 1)[-1]: properties for urn, properties in changed_inputs(before, after).items()}
    assert found == {"changed": ["a", "b", "c"], "gone": ["(gone)"], "new": ["(new)"], "other": ["(replaced)"]}


def test_types_are_counted_with_their_standing_and_their_time() -> None:
    read = deployment(
        thing("a"), thing("b"), thing("c", "aws:amp/x:X"), thing("d", "kubernetes:v1:Pod"), thing("e", "random:X")
    )
    entries = [
        JournalEntry(operation="create", type=token, urn="u", fidelity=fidelity, duration_s=1)
        for token, fidelity in (
            (BUCKET, Fidelity.REAL),
            ("aws:amp/x:X", Fidelity.EMULATED),
            ("kubernetes:v1:Pod", Fidelity.REPRESENTED),
        )
    ]
    created = [
        ResourceChange(urn="u", type=BUCKET, operation="create", duration_s=1.5),
        ResourceChange(urn="v", type=BUCKET, operation="create", duration_s=1.0),
        ResourceChange(urn="w", type=BUCKET, operation="update", duration_s=9.0),
    ]
    used = {use.type: use for use in types_used(read, created, entries)}
    assert next(iter(used)) == BUCKET
    assert (used[BUCKET].count, used[BUCKET].create_s) == (2, 2.5)
    assert {token: use.standing for token, use in used.items()} == {
        BUCKET: Standing.EMULATED,
        "aws:amp/x:X": Standing.TYPED,
        "kubernetes:v1:Pod": Standing.REPRESENTED,
        "random:X": Standing.REAL,
    }


def test_what_an_official_plugin_makes_in_a_cluster_is_real() -> None:
    read = deployment(thing("d", "kubernetes:v1:Pod"))
    assert types_used(read, (), ())[0].standing is Standing.REAL


def test_a_secret_is_found_in_plain_in_base64_and_within_json(tmp_path: Path) -> None:
    value = 'open"sesame\nplease'
    texts = {
        "plain": f"x {value} y",
        "base64": base64.b64encode(value.encode()).decode(),
        "json": json.dumps({"a": value}),
        "clean": "nothing",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    found = find_secrets([value], [*(tmp_path / name for name in texts), tmp_path / "missing"])
    assert [Path(path).name for path in found] == ["base64", "json", "plain"]


def test_the_longest_line_of_a_secret_is_looked_for_alone(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a log broke it: MIIEowIBAAKCAQEAabcdef\n")
    assert find_secrets(["-----BEGIN\nMIIEowIBAAKCAQEAabcdef\nEND"], [tmp_path / "log"]) == [str(tmp_path / "log")]
