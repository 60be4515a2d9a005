import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from inferloop.errors import ProjectError, RehearsalRefusedError
from inferloop.project import Project
from inferloop.rehearsal.providers import write_plugins
from inferloop.rehearsal.subject import subject_of
from inferloop.rehearsal.workspace import open_workspace, with_stand_ins, without_encrypted
from stacks.rehearsal.kubernetes.exec_login import exec_token
from stacks.rehearsal.kubernetes.kubeconfig import read_kubeconfig
from stacks.rehearsal.leftovers import what_is_left
from stacks.rehearsal.memory import MemoryWatch, process_tree
from stacks.rehearsal.plugins.errors import RehearsalError
from stacks.rehearsal.sign_in import write_sign_in
from stacks.rehearsal.stand_ins import stand_ins, with_settings
from tests.support.pulumi_stack import CHECKOUT
from tests.support.rehearsed_checkout import STACK, rehearsed_checkout


class Images(BaseModel):
    runtime: str | None = None
    tgi: str | None = None


class Model(BaseModel):
    protect: bool = True
    account_id: str
    images: Images


def test_stand_ins_lift_protection_and_name_images_that_nothing_pulls() -> None:
    found = stand_ins(Model.model_fields, {"images": {"tgi": "own@sha256:1"}})
    assert found["protect"] is False
    assert found["account_id"] == "123456789012"
    assert found["images.runtime"].startswith("rehearsal.invalid/runtime@sha256:")
    assert "images.tgi" not in found


def test_settings_that_a_stack_does_not_have_get_no_stand_in() -> None:
    assert stand_ins({}, {}) == {}


def test_a_dot_leads_into_a_section_and_the_rest_of_it_stays() -> None:
    config = {"inferloop:gateway": {"replicas": 2, "memory_mib": 512}, "aws:region": "x"}
    changed = with_settings(config, {"gateway.memory_mib": 640, "model.plan.tokens": 1})
    assert changed == {
        "inferloop:gateway": {"replicas": 2, "memory_mib": 640},
        "inferloop:model": {"plan": {"tokens": 1}},
        "aws:region": "x",
    }
    assert config["inferloop:gateway"] == {"replicas": 2, "memory_mib": 512}
    with pytest.raises(ValueError, match="is no section"):
        with_settings({"inferloop:a": 1}, {"a.b": 2})


def test_the_copy_of_the_configuration_has_the_stand_ins_and_the_tracked_file_stays(tmp_path: Path) -> None:
    project = rehearsed_checkout(tmp_path / "checkout", settings={"owner": "one", "key": {"secure": "v1:abc"}})
    tracked = project.tracked_config(STACK)
    before = tracked.read_bytes()
    space = with_stand_ins(open_workspace(project, STACK), {"protect": False})
    space.prepare()
    written = yaml.safe_load(space.configure({"owner": "two"}).read_text())["config"]
    assert written["inferloop:protect"] is False
    assert written["inferloop:owner"] == "two"
    assert written["inferloop:key"] == "rehearsal-stand-in"
    assert tracked.read_bytes() == before
    assert space.folder == project.home.root / "rehearsals" / STACK
    assert space.folder.stat().st_mode & 0o777 == 0o700
    assert space.project.home.passphrase.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ProjectError, match="is no section"):
        space.configure({"owner.name": 1})


def test_clearing_keeps_logs_until_they_are_to_go_too(tmp_path: Path) -> None:
    space = open_workspace(rehearsed_checkout(tmp_path / "checkout"), STACK)
    space.clear()
    space.prepare()
    (space.project.home.log / "up.log").touch()
    space.clear()
    assert [path.name for path in space.folder.iterdir()] == ["log"]
    space.clear(logs=True)
    assert not space.folder.exists()


def test_encrypted_settings_are_found_at_any_depth() -> None:
    values = {"inferloop:a": {"secure": "x"}, "inferloop:b": {"c": {"secure": "y"}}, "inferloop:d": [{"secure": "z"}]}
    plain, found = without_encrypted(values)
    assert found == ["a", "b.c", "d[0]"]
    assert "secure" not in json.dumps(plain)


def test_a_stack_of_this_machine_is_not_rehearsed() -> None:
    with pytest.raises(RehearsalRefusedError, match="inferloop up dev"):
        subject_of(Project(CHECKOUT), "dev")


def test_a_stacks_settings_tell_its_nodes_its_region_and_what_is_changed() -> None:
    subject = subject_of(Project(CHECKOUT), "staging-aws")
    assert subject.region == "eu-central-1"
    assert sum(pool.gpus * pool.count for pool in subject.pools) >= 1
    assert subject.change == {"gateway.memory_mib": 640}
    assert subject.workspace.settings["protect"] is False


def test_our_plugins_are_written_where_no_official_one_is_found(tmp_path: Path) -> None:
    environ = {"PATH": "", "PULUMI_HOME": str(tmp_path)}
    described = write_plugins(tmp_path / "bin", official=True, environ=environ)
    assert "no official plugin was found" in described["aws"]
    assert os.access(tmp_path / "bin" / "pulumi-resource-kubernetes", os.X_OK)


def test_an_official_plugin_and_its_language_host_are_linked(tmp_path: Path) -> None:
    folder = tmp_path / "official"
    folder.mkdir()
    for name in ("pulumi-resource-aws", "pulumi-language-python"):
        (folder / name).write_bytes(b"\x7fELF")
        (folder / name).chmod(0o755)
    environ = {"PATH": str(folder), "PULUMI_HOME": str(tmp_path)}
    described = write_plugins(tmp_path / "bin", official=True, environ=environ)
    assert described["aws"] == f"the official plugin, {folder / 'pulumi-resource-aws'}"
    assert (tmp_path / "bin" / "pulumi-resource-aws").resolve() == folder / "pulumi-resource-aws"
    assert (tmp_path / "bin" / "pulumi-language-python").resolve() == folder / "pulumi-language-python"


def test_signing_in_answers_with_the_credential_and_refuses_everything_else(tmp_path: Path) -> None:
    credential = tmp_path / "it's a credential.json"
    credential.write_text(json.dumps({"status": {"token": "t"}}))
    program = write_sign_in(tmp_path / "bin", credential)
    login = {"command": str(program), "args": ["--region", "r", "eks", "get-token", "--cluster-name", "c"]}
    assert exec_token(login) == "t"
    done = subprocess.run([program, "s3", "ls"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "only `aws eks get-token`" in done.stderr


@pytest.mark.parametrize(
    ("script", "said"),
    [("exit 3", "cannot sign in"), ("echo '{}'", "without a token"), ("echo secret-text", "without a token")],
)
def test_a_command_that_gives_no_token_is_named_but_not_what_it_printed(tmp_path: Path, script: str, said: str) -> None:
    program = tmp_path / "login"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    with pytest.raises(RehearsalError, match=said) as refused:
        exec_token({"command": str(program), "env": [{"name": "A", "value": "b"}]})
    assert "secret-text" not in str(refused.value)


def test_a_command_that_is_not_there_is_named() -> None:
    with pytest.raises(RehearsalError, match="no-such-program"):
        exec_token({"command": "no-such-program"})


def test_a_kubeconfig_may_sign_in_by_a_command(tmp_path: Path) -> None:
    credential = tmp_path / "credential.json"
    credential.write_text(json.dumps({"status": {"token": "t"}}))
    program = write_sign_in(tmp_path / "bin", credential)
    config = {
        "clusters": [{"name": "c", "cluster": {"server": "https://x", "certificate-authority-data": "YQ=="}}],
        "users": [{"name": "u", "user": {"exec": {"command": str(program), "args": ["eks", "get-token"]}}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    assert read_kubeconfig(json.dumps(config)).token == "t"


def test_what_was_there_before_is_not_left_and_controllers_get_their_time() -> None:
    states = [frozenset({"a", "b", "c"}), frozenset({"a", "b"})]
    seen = iter(states)
    assert what_is_left(frozenset({"a"}), lambda: next(seen, states[-1]), patience_s=0.1) == ("b",)
    assert what_is_left(frozenset({"a"}), lambda: frozenset({"a"})) == ()


def test_memory_is_that_of_everything_that_was_started() -> None:
    with MemoryWatch() as alone:
        pass
    child = subprocess.Popen(["sleep", "30"])
    try:
        assert {os.getpid(), child.pid} <= process_tree(os.getpid())
        assert child.pid not in process_tree(child.pid + 1, ()) - {child.pid + 1}
    finally:
        child.kill()
        child.wait()
    assert alone.peak_mib > 10
    assert MemoryWatch().peak_mib == 0
