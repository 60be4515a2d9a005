"""Render the configuration of supervisord and of its programs: pure functions, no file is touched."""

import hashlib
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, PositiveInt

from components.local.layout import StackLayout, environment_executable, python_executable

USER = "inferloop"

# What a program may need of the environment that `pulumi up` ran in. Everything else, such as the passphrase and
# access tokens, stays out of it.
_PASSED_ON = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_HOME",
    "NVIDIA_VISIBLE_DEVICES",
    "HF_HOME",
    "HF_HUB_CACHE",
    "HF_HUB_OFFLINE",
    "HF_ENDPOINT",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "XDG_CACHE_HOME",
)

# The supervisor waits one second longer after each failed start, so this many retries last for years.
_RETRIES = 1_000_000


class Program(BaseModel):
    """One supervised program.

    `no_root` names the data folder of a program that refuses to be root, `orphans` the title and the working folder of
    the processes that it leaves when it is killed; they are killed before it starts again. `stop_signal` is sent to
    stop it, and by the kernel when the supervisor is killed; after `stop_timeout_s` seconds the whole process group is
    killed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = {}
    no_root: Path | None = None
    orphans: tuple[str, Path] | None = None
    stop_signal: str = "TERM"
    stop_timeout_s: PositiveInt = 10


def clean_environment() -> dict[str, str]:
    """Return the part of this process's environment that programs may see."""
    kept = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    return {**kept, **{key: value for key, value in os.environ.items() if key.startswith("LC_")}}


def launch_script() -> str:
    """Return the path of the script through which every program starts."""
    return str(Path(__file__).with_name("launch.py"))


def supervisor_command(layout: StackLayout) -> tuple[str, ...]:
    """Return the command that starts supervisord, which then detaches itself."""
    return (str(environment_executable("supervisord")), "-c", str(layout.supervisor_config))


def render_program(layout: StackLayout, program: Program) -> str:
    """Return the program's section of the configuration."""
    arguments = [
        python_executable(),
        "-I",
        "-S",
        launch_script(),
        "--pid-file",
        str(layout.run / f"{program.name}.pid"),
    ]
    if program.no_root is not None:
        arguments += ["--no-root", str(program.no_root)]
    if program.orphans is not None:
        arguments += ["--end-orphans", *map(str, program.orphans)]
    arguments += ["--parent-death-signal", f"SIG{program.stop_signal}", "--", *program.command]
    return _section(
        f"program:{program.name}",
        command=_quote(arguments),
        directory=str(layout.root),
        environment=",".join(f'{key}="{value}"' for key, value in sorted(program.environment.items())),
        autostart="true",
        autorestart="true",
        startsecs="1",
        startretries=str(_RETRIES),
        stopsignal=program.stop_signal,
        stopwaitsecs=str(program.stop_timeout_s),
        killasgroup="true",
        redirect_stderr="true",
        stdout_logfile=str(layout.log / f"{program.name}.log"),
        stdout_logfile_maxbytes="10MB",
        stdout_logfile_backups="3",
    )


def render_supervisor(layout: StackLayout, *, host: str, port: int, password: str) -> str:
    """Return supervisord's configuration with the program `keeper`; it holds the password's digest, not the password.

    supervisord knows SHA-1 only; the password's 256 random bits make up for it.
    """
    digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest()
    keeper = [
        python_executable(),
        "-I",
        "-S",
        str(Path(__file__).with_name("keeper.py")),
        "--stack-dir",
        str(layout.root),
    ]
    main = _section(
        "supervisord",
        logfile=str(layout.log / "supervisor.log"),
        logfile_maxbytes="10MB",
        logfile_backups="3",
        loglevel="info",
        pidfile=str(layout.run / "supervisor.pid"),
        directory=str(layout.root),
        umask="077",
        childlogdir=str(layout.log),
        **({"user": "root"} if os.geteuid() == 0 else {}),
    )
    return "\n".join(
        (
            main,
            _section("inet_http_server", port=f"{host}:{port}", username=USER, password=f"{{SHA}}{digest}"),
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n",
            _section(
                "program:keeper",
                command=_quote([*keeper, "--", *supervisor_command(layout)]),
                directory=str(layout.root),
                # Stopped first, so that it never sees an orderly shutdown.
                priority="2000",
                # A milder signal is lost when it comes between the program's fork and its exec.
                stopsignal="KILL",
                autostart="true",
                autorestart="true",
                startsecs="0",
                startretries=str(_RETRIES),
                redirect_stderr="true",
                # It logs to log/keeper.log itself: its work begins when the supervisor is no more.
                stdout_logfile="NONE",
            ),
            # Names are parted by spaces, which a folder above may hold; these start at this file's own folder.
            _section("include", files=f"{layout.programs.name}/*.conf"),
        )
    )


def _section(title: str, **values: str) -> str:
    # `%` starts an expansion in supervisord's files; names of logs are expanded twice.
    marks = {"stdout_logfile": "%%%%"}
    lines = (f"{key} = {value.replace('%', marks.get(key, '%%'))}" for key, value in values.items() if value)
    return "\n".join((f"[{title}]", *lines, ""))


def _quote(arguments: Sequence[str]) -> str:
    return shlex.join(arguments)
