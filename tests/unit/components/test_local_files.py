import asyncio
import os
import socket
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.dynamic import DiffResult

from components.errors import CommandError, PortInUseError
from components.local.files import digest_of, remove_empty_parents, write_atomically
from components.local.layout import StackLayout, folder_name
from components.local.process_log import log_size, log_tail, redact
from components.local.providers.base import LocalProvider, ResourceInputs
from components.local.providers.config_file import ConfigFileProvider
from components.local.providers.directory import DirectoryProvider
from components.local.providers.port import PortProvider, choose_port, require_free_port
from components.local.providers.secret_file import GeneratedSecretProvider, SecretFileProvider
from components.local.readiness import Readiness
from components.local.runtime_command import run_runtime, run_runtime_json
from components.local.scram import scram_verifier
from components.local.supervision import Program, clean_environment, render_program, render_supervisor


def test_a_file_is_replaced_whole_with_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "one", mode=0o600)
    write_atomically(path, b"two", mode=0o640)
    assert path.read_text() == "two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [it.name for it in tmp_path.iterdir()] == ["file"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inside").touch()
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path / "folder", "text")
    assert [it.name for it in tmp_path.iterdir()] == ["folder"]


def test_empty_parents_go_up_to_the_stacks_folder(tmp_path: Path) -> None:
    leaf = tmp_path / "stack" / "data" / "postgres"
    leaf.parent.mkdir(parents=True)
    remove_empty_parents(leaf, up_to=tmp_path / "stack")
    assert not (tmp_path / "stack").exists()
    assert tmp_path.exists()


def test_parents_that_hold_something_stay(tmp_path: Path) -> None:
    (tmp_path / "stack" / "data").mkdir(parents=True)
    (tmp_path / "stack" / "other").touch()
    remove_empty_parents(tmp_path / "stack" / "data" / "x", up_to=tmp_path / "stack")
    assert [it.name for it in (tmp_path / "stack").iterdir()] == ["other"]


@given(st.text())
def test_any_source_becomes_a_folder_name(source: str) -> None:
    name = folder_name(source)
    assert name
    assert "/" not in name
    assert name not in (".", "..")


def test_sources_keep_their_names() -> None:
    assert folder_name("sample:smollm2-135m-instruct") == "sample-smollm2-135m-instruct"
    assert folder_name("owner/name@main") == "name-main"


def test_a_verifier_is_what_postgresql_computes() -> None:
    # The salt, password and keys of the example exchange in RFC 7677.
    import base64

    verifier = scram_verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    assert verifier == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )
    assert scram_verifier("pencil") != scram_verifier("pencil")


def test_secrets_are_redacted_and_the_tail_starts_where_it_should(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "one").write_text("top-secret-value\n")
    (tmp_path / "secrets" / "short").write_text("ab\n")
    log = tmp_path / "log"
    log.write_text("before\n")
    since = log_size(log)
    with log.open("a") as file:
        file.write("".join(f"line {number} top-secret-value about\n" for number in range(30)))
    tail = log_tail(log, tmp_path / "secrets", since=since)
    assert "before" not in tail
    assert "line 29 [redacted] about" in tail
    assert "line 10 " not in tail
    assert log_tail(tmp_path / "nothing", tmp_path / "secrets") == ""
    assert log_size(tmp_path / "nothing") == 0
    assert redact("x", tmp_path / "no-folder") == "x"


class _Inputs(ResourceInputs):
    size: int


class _Provider(LocalProvider[_Inputs]):
    inputs = _Inputs
    replaced_by = frozenset({"size"})

    def identify(self, inputs: _Inputs) -> str:
        return str(inputs.size)

    def ensure(self, inputs: _Inputs, old: Any) -> dict[str, Any]:
        return {"kind": type(inputs.size).__name__}


def test_a_provider_turns_the_engines_numbers_back() -> None:
    made = _Provider().create({"size": 3.0, "__provider": "p"})
    assert made.id == "3"
    assert made.outs == {"size": 3.0, "kind": "int", "drift": []}


def test_a_change_of_what_identifies_a_resource_replaces_it() -> None:
    changed: DiffResult = _Provider().diff("3", {"size": 3}, {"size": 4})
    assert changed.changes is True
    assert changed.replaces == ["size"]
    assert changed.delete_before_replace is True


def test_drift_that_a_refresh_noted_is_repaired_by_the_next_update() -> None:
    assert _Provider().diff("3", {"size": 3, "drift": ["it is bent"]}, {"size": 3}).changes is True
    assert _Provider().diff("3", {"size": 3, "drift": []}, {"size": 3}).changes is False


def test_a_settings_file_is_kept_as_it_was_written(tmp_path: Path) -> None:
    provider, path = ConfigFileProvider(), tmp_path / "x.json"
    props = {"path": str(path), "content": "{}"}
    state = provider.create(props).outs or {}
    assert provider.diff("x", state, props).changes is False
    path.write_text("{ }")
    assert (provider.read("x", state).outs or {})["drift"] == [f"settings file {path} was edited"]
    path.unlink()
    assert (provider.read("x", state).outs or {})["drift"] == [f"settings file {path} is missing"]
    provider.update("x", state, props)
    assert path.read_text() == "{}"
    provider.delete("x", state)
    provider.delete("x", state)
    assert not path.exists()


def test_folders_are_private_and_go_with_their_content(tmp_path: Path) -> None:
    provider = DirectoryProvider()
    props = {"root": str(tmp_path / "s"), "folders": ["data/a", "b"], "mode": float(0o700)}
    state = provider.create(props).outs or {}
    assert stat.S_IMODE((tmp_path / "s" / "data" / "a").stat().st_mode) == 0o700
    (tmp_path / "s" / "b" / "file").touch()
    assert provider.diff("d", state, props).changes is False
    (tmp_path / "s" / "data" / "a").rmdir()
    assert (provider.read("d", state).outs or {})["drift"] == [f"folder {tmp_path / 's' / 'data/a'} is missing"]
    provider.update("d", state, props)
    provider.delete("d", state)
    assert not (tmp_path / "s").exists()


def test_a_generated_secret_is_stable_until_its_file_is_deleted(tmp_path: Path) -> None:
    provider, path = GeneratedSecretProvider(), tmp_path / "secret"
    props = {"path": str(path), "entropy_bytes": 32.0}
    state = provider.create(props).outs or {}
    assert path.read_text().strip() == state["value"]
    assert len(state["value"]) >= 43
    assert (provider.update("s", state, props).outs or {})["value"] == state["value"]
    path.chmod(0o644)
    assert "mode 644" in (provider.read("s", state).outs or {})["drift"][0]
    provider.update("s", state, props)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.unlink()
    assert provider.diff("s", state, props).changes is True
    assert (provider.update("s", state, props).outs or {})["value"] != state["value"]
    path.write_text("chosen by a person\n")
    assert "was changed" in (provider.read("s", state).outs or {})["drift"][0]
    assert (provider.update("s", state, props).outs or {})["value"] == "chosen by a person"
    provider.delete("s", state)
    assert not path.exists()


def test_a_composed_secret_file_is_kept(tmp_path: Path) -> None:
    provider, path = SecretFileProvider(), tmp_path / "dsn"
    props = {"path": str(path), "content": "postgresql://x"}
    state = provider.create(props).outs or {}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert provider.diff("s", state, props).changes is False
    path.write_text("other")
    assert provider.diff("s", state, props).changes is True
    provider.update("s", state, props)
    assert path.read_text() == "postgresql://x\n"
    provider.delete("s", state)
    assert not path.exists()


def test_a_port_is_chosen_once_and_kept() -> None:
    provider = PortProvider()
    props = {"host": "127.0.0.1", "wanted": 0.0, "setting": "inferloop:ports.x"}
    state = provider.create(props).outs or {}
    assert state["port"] > 0
    assert (provider.update("p", state, props).outs or {})["port"] == state["port"]
    same = {**props, "wanted": float(state["port"])}
    with socket.socket() as own_process:
        own_process.bind(("127.0.0.1", state["port"]))
        own_process.listen()
        assert (provider.update("p", state, same).outs or {})["port"] == state["port"]
        with pytest.raises(PortInUseError, match=rf"process {os.getpid()} .*inferloop:ports\.x"):
            provider.create(same)


@pytest.mark.skipif(not Path("/proc/sys/net/ipv4/ip_local_port_range").exists(), reason="Linux tells its range")
def test_a_chosen_port_is_none_that_outgoing_connections_are_given() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert choose_port("127.0.0.1") < max(lowest, 18_001)


def test_a_kernel_that_leaves_no_room_chooses_the_port_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = tmp_path / "range"
    everything.write_text("1024\t65535\n")
    monkeypatch.setattr("components.local.providers.port._EPHEMERAL_RANGE", everything)
    assert choose_port("127.0.0.1") >= 1024


@pytest.mark.skipif(os.geteuid() == 0, reason="root may bind every port")
def test_a_privileged_port_is_refused_for_what_it_is() -> None:
    with pytest.raises(PortInUseError, match="by root only"):
        require_free_port("127.0.0.1", 1, "choose another")


def test_readiness_is_an_address_or_a_command() -> None:
    assert Readiness(command=("/bin/true",)).is_met()
    assert not Readiness(command=("/bin/false",)).is_met()
    assert not Readiness(command=("/no/such/program",)).is_met()
    assert not Readiness(url="http://127.0.0.1:1/").is_met()


def test_a_command_of_the_runtime_answers_or_says_why_it_failed(tmp_path: Path) -> None:
    assert "Usage" in run_runtime(["--help"], secrets_dir=tmp_path)
    with pytest.raises(CommandError, match="failed with exit code 2") as failed:
        run_runtime(["weights", "prepare"], secrets_dir=tmp_path)
    assert "Missing option" in str(failed.value)
    with pytest.raises(CommandError, match="printed no JSON"):
        run_runtime_json(["--help"], secrets_dir=tmp_path)
    with pytest.raises(CommandError, match=r"took longer than 0 s"):
        run_runtime(["--help"], secrets_dir=tmp_path, timeout_s=0.01)


def test_programs_are_rendered_for_the_supervisors_own_parser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from supervisor.options import ServerOptions

    root = tmp_path / "with space and 100%"
    layout = StackLayout(root=root)
    for folder in (*layout.disposable, layout.programs):
        folder.mkdir(parents=True, exist_ok=True)
    program = Program(name="web", command=(sys.executable, "-c", "print('50%')"), environment={"A": "b%c"})
    (layout.programs / "web.conf").write_text(render_program(layout, program))
    layout.supervisor_config.write_text(render_supervisor(layout, host="127.0.0.1", port=1234, password="hidden-one"))
    assert "hidden-one" not in layout.supervisor_config.read_text()
    options = ServerOptions()
    monkeypatch.setattr(sys, "argv", ["supervisord"])
    options.realize(["-c", str(layout.supervisor_config)])
    groups = {group.name: group.process_configs[0] for group in options.process_group_configs}
    assert set(groups) == {"keeper", "web"}
    assert groups["web"].command.endswith("-c 'print('\"'\"'50%'\"'\"')'")
    assert groups["web"].environment == {"A": "b%c"}
    assert groups["web"].stdout_logfile == str(layout.log / "web.log")
    assert groups["web"].autorestart
    assert groups["keeper"].priority > groups["web"].priority


def test_the_environment_of_programs_holds_nothing_private(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    environment = clean_environment()
    assert environment["LC_ALL"] == "C.UTF-8"
    assert not {"PULUMI_CONFIG_PASSPHRASE", "AWS_SECRET_ACCESS_KEY"} & set(environment)


def test_the_local_modules_load_without_a_cloud_sdk() -> None:
    code = "import sys; import components.local.supervisor, components.registry; print(*sorted(sys.modules))"

    async def load() -> bytes:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
        return (await process.communicate())[0]

    loaded = asyncio.run(load()).decode().split()
    assert not {name for name in loaded if name.startswith(("pulumi_aws", "pulumi_gcp", "pulumi_azure", "torch"))}


def test_a_revision_tells_contents_apart() -> None:
    assert digest_of("a") == digest_of(b"a")
    assert digest_of("a") != digest_of("b")
