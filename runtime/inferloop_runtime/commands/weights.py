"""`inferloop-runtime weights`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from inferloop_runtime.serving.weights.publication import PublishedModel

app = typer.Typer(no_args_is_help=True, help="Prepare and check the folder of a model's weights.")


@app.command()
def prepare(
    source: Annotated[
        str,
        typer.Option(
            help="sample:smollm2-135m-instruct, tiny, a local folder, s3://bucket/prefix, or a hub id "
            "owner/name[@revision]."
        ),
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
def publish(
    folder: Annotated[Path, typer.Argument(help="A prepared model folder.")],
    to: Annotated[str, typer.Option(help="Where it goes: s3://bucket/prefix.")],
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite another model that lies there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Upload a prepared model to an object store; what is there with the same digest is left alone."""
    from inferloop_runtime.serving.weights.publication import publish_model

    _say(publish_model(folder, to, replace=replace), as_json=as_json)


@app.command()
def mirror(
    source: Annotated[str, typer.Option(help="What to fetch: whatever `weights prepare` takes.")],
    to: Annotated[str, typer.Option(help="Where it goes: s3://bucket/prefix.")],
    scratch: Annotated[Path, typer.Option(help="Folder with room for the model; left empty.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Bring a model from its source to an object store; do nothing where it lies there already."""
    from inferloop_runtime.serving.weights.publication import mirror_model

    _say(mirror_model(source, to, scratch), as_json=as_json)


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


def _say(published: "PublishedModel", *, as_json: bool) -> None:
    if as_json:
        print(published.model_dump_json())
    else:
        print(f"{published.uri}: {published.manifest.model_id}, {len(published.written)} files written")
