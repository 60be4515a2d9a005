"""Sign in to a rehearsed cluster as a stack's own kubeconfig does: by `aws eks get-token`."""

import os
import shlex
from pathlib import Path


def write_sign_in(folder: Path, credential: Path) -> Path:
    """Write an executable `aws` that answers `eks get-token` with the file `credential`, and refuses the rest.

    The file holds an ExecCredential (https://kubernetes.io/docs/reference/config-api/client-authentication.v1beta1/)
    and is its owner's alone, so the token stands on no command line.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "aws"
    script = (
        "#!/bin/sh\n"
        'case " $* " in\n'
        f'*" eks get-token "*) exec cat {shlex.quote(str(credential))} ;;\n'
        "esac\n"
        'echo "aws: in a rehearsal there is only \\`aws eks get-token\\`" >&2\n'
        "exit 2\n"
    )
    temporary = path.with_name(f".aws.{os.getpid()}")
    temporary.write_text(script, encoding="utf-8")
    temporary.chmod(0o700)
    temporary.replace(path)
    return path
