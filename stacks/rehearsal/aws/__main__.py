"""Run the provider plugin for AWS, as the engine does."""

import os
from pathlib import Path

from stacks.rehearsal.aws.plugin import ENDPOINT, SCHEMAS, AwsPlugin
from stacks.rehearsal.aws.schema import keep_schemas_in
from stacks.rehearsal.plugins.server import serve, state_dir


def main() -> None:
    """Serve the plugin on the moto server that the environment names."""
    endpoint = os.environ.get(ENDPOINT)
    if not endpoint:
        raise SystemExit(f"{ENDPOINT} is not set: run `inferloop rehearse STACK`, which starts moto's server")
    schemas = os.environ.get(SCHEMAS)
    if schemas:
        keep_schemas_in(Path(schemas))
    serve(AwsPlugin(endpoint, state_dir()))


if __name__ == "__main__":
    main()
