"""A small root file system made from this machine's own Python, shell and C library: a base image for tests."""

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

_C_LIBRARIES = ("libanl", "libdl", "libm", "libpthread", "libresolv", "librt", "libutil")


def _libraries(binary: Path) -> set[Path]:
    listing = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False).stdout
    return {Path(found) for found in re.findall(r"(/\S+\.so\S*)", listing)}


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        shutil.copy2(source.resolve(), target)


def make_base(root: Path) -> None:
    """Fill `root` with /usr/local/bin/python3, its standard library, /bin/sh and the libraries that they load."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    python = Path(sys.base_prefix) / "bin" / version
    standard_library = Path(sysconfig.get_path("stdlib"))
    target_library = root / "usr" / "local" / "lib" / version
    shutil.copytree(
        standard_library,
        target_library,
        ignore=shutil.ignore_patterns("site-packages", "test", "tests", "__pycache__", "*.a", "idlelib", "tkinter"),
    )
    (target_library / "site-packages").mkdir()
    _put(python, root / "usr/local/bin" / version)
    (root / "usr/local/bin/python3").symlink_to(version)
    _put(Path("/bin/sh"), root / "bin/sh")
    _put(Path("/bin/chmod"), root / "bin/chmod")
    binaries = [python, Path("/bin/sh"), Path("/bin/chmod"), *target_library.glob("lib-dynload/*.so")]
    # Extension modules of wheels load these two; a Python image has them.
    found = {path for pattern in ("libgcc_s.so.1", "libstdc++.so.6") for path in Path("/usr/lib").rglob(pattern)}
    for binary in (*binaries, *found):
        found |= _libraries(binary)
    # Wheels may name any library of the C library's package.
    folder = next(path.parent for path in found if path.name.startswith("libc.so"))
    found |= {path for name in _C_LIBRARIES for path in folder.glob(f"{name}.so.*")}
    for library in found:
        # The loader is found by its full path, the rest in the loader's default folders.
        loader = library.name.startswith("ld-")
        _put(library, root / (str(library)[1:] if loader else f"usr/lib/{library.name}"))
    for name in ("etc", "proc", "sys", "dev", "run", "var"):
        (root / name).mkdir(exist_ok=True)
    if not (root / "lib").exists():
        (root / "lib").symlink_to("usr/lib")
    (root / "tmp").mkdir()
