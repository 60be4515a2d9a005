"""Every distribution that an installation brings has a licence that Apache-2.0 software may depend on."""

import re
import zipfile
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from tests.support.wheelhouse import ROOT, build_runtime_wheel, closure

ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CNRI-Python",
    "ISC",
    "MIT",
    "MIT-0",
    # Weak copyleft of single files; it does not reach what imports them.
    "MPL-2.0",
    "PSF-2.0",
    "Zlib",
}
# Words of the free-text field and of the trove classifiers, for packages without an SPDX expression.
SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "Python Software Foundation License": "PSF-2.0",
}
# Read by a person, once: name (or its beginning, with *) → why it may be there.
REVIEWED = {
    "cuda-toolkit": "a package without files that names NVIDIA's libraries; comes only with torch's CUDA build",
    "nvidia-*": "NVIDIA's libraries under their own terms, which torch's CUDA build downloads; we pack none of them",
    "python-dateutil": "Apache-2.0, and BSD-3-Clause for its older parts, as its LICENSE says",
    "supervisor": "the Repoze licence, which is BSD's with a clause on names: http://www.repoze.org/LICENSE.txt",
}


def licence_of(installed: Distribution) -> str | None:
    """Give a distribution's licence as an SPDX expression, or None where its metadata names none that is known."""
    metadata = installed.metadata
    text = metadata.get("License-Expression") or metadata.get("License") or ""
    if not text or len(text) > 200:
        classifiers = [name for name in metadata.get_all("Classifier") or () if name.startswith("License :: ")]
        text = classifiers[0].rpartition(" :: ")[2] if len(classifiers) == 1 else ""
    return SPDX.get(text.strip(), text.strip()) or None


def is_allowed(expression: str) -> bool:
    """Evaluate an SPDX expression over the allow-list."""
    words = re.findall(r"\(|\)|AND|OR|[\w.+-]+(?: WITH [\w.+-]+)?", expression)
    logic = [
        word if word in ("(", ")") else word.lower() if word in ("AND", "OR") else str(word in ALLOWED)
        for word in words
    ]
    try:
        return bool(eval(" ".join(logic), {}))
    except SyntaxError:
        return False


def is_reviewed(name: str) -> bool:
    return any(name == key or (key.endswith("*") and name.startswith(key[:-1])) for key in REVIEWED)


SHIPPED = closure("inferloop", ("aws", "kubernetes", "rehearsal")) | closure(
    "inferloop-runtime", ("capture", "samples", "serving")
)


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_shipped_distributions_licence_is_on_the_allow_list(name: str) -> None:
    licence = licence_of(SHIPPED[name])
    assert is_reviewed(name) or (licence is not None and is_allowed(licence)), f"{name}: {licence}"


def test_the_closure_reaches_the_dependencies_of_dependencies() -> None:
    assert {"pulumi", "grpcio", "torch", "sympy", "yarl"} <= set(SHIPPED)


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND LGPL-3.0-or-later", False),
        ("GPL-2.0-only", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("do what you want", False),
    ],
)
def test_an_spdx_expression_is_judged_by_its_logic(expression: str, allowed: bool) -> None:
    assert is_allowed(expression) is allowed


def test_the_runtimes_wheel_carries_the_licence_and_every_file_of_its_package(tmp_path: Path) -> None:
    with zipfile.ZipFile(build_runtime_wheel(tmp_path)) as wheel:
        names = set(wheel.namelist())
        licence = next(name for name in names if name.endswith("/LICENSE"))
        assert wheel.read(licence) == (ROOT / "LICENSE").read_bytes()
    package = ROOT / "runtime" / "inferloop_runtime"
    files = (path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc")
    assert {str(path.relative_to(package.parent)) for path in files} <= names
