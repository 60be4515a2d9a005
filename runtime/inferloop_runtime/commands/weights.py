"""`inferloop-runtime weights`."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Prepare and check the folder of a model's weights.")


@app.command()
def prepare(
    source: Annotated[
        str, typer.Option(help="sample:smollm2-135m-instruct, tiny, a local folder, or a hub id owner/name[@revision].")
    ],
    to: Annotated[Path, typer.Option(help="Folder of the model; made, or mended where it differs.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Make a folder hold a model's safetensors, config, tokenizer and manifest."""
    from inferloop_runtime.serving.weights.preparation import prepare_model

    prepared = prepare_model(source, to)
    if as_json:
        print(prepared.model_dump_json())
    else:
        size = sum(entry.size for entry in prepared.manifest.files.values())
        print(
            f"{to}: {prepared.manifest.model_id} ({len(prepared.manifest.files)} files, {size / 1e6:.1f} MB), "
            f"{len(prepared.written)} written"
        )


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="A prepared model folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Compare a model folder with its manifest; name each damaged file and exit 3 where one differs."""
    import json

    from inferloop_runtime.errors import ModelError
    from inferloop_runtime.serving.weights.manifest import damaged_files, read_manifest

    manifest = read_manifest(folder)
    damaged = damaged_files(folder, manifest)
    if as_json:
        report = {
            "model_id": manifest.model_id,
            "revision": manifest.revision,
            "damaged": [item.model_dump() for item in damaged],
        }
        print(json.dumps(report))
    if damaged:
        names = ", ".join(f"{item.name} ({item.problem})" for item in damaged)
        raise ModelError(
            f"{folder} is damaged: {names}; "
            f"run `inferloop-runtime weights prepare --source {manifest.source} --to {folder}`"
        )
    if not as_json:
        print(f"{folder}: {len(manifest.files)} files of {manifest.model_id} as in the manifest")
