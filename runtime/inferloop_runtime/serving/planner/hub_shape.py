"""Read the shape of a model on the Hugging Face hub; a few kilobytes are fetched, never the weights."""

import json
from pathlib import Path

from inferloop_runtime.errors import ModelError
from inferloop_runtime.serving.planner.model_shape import ModelShape, make_shape, shape_of_folder
from inferloop_runtime.serving.planner.safetensors_header import TensorHeader

_TIMEOUT_S = 10.0


def shape_of_model(model: str) -> ModelShape:
    """Read the shape of a local folder, or else of the hub model of that id.

    Raises ModelError that tells what is missing and how to get at it.
    """
    folder = Path(model)
    if folder.is_dir():
        return shape_of_folder(folder)
    if model.startswith((".", "/", "~")) or model.count("/") > 1:
        raise ModelError(f"there is no model folder {model}")
    return shape_of_hub_model(model)


def shape_of_hub_model(repository: str) -> ModelShape:
    """Read the shape of a hub model from its config and the headers of its files (HTTP range requests).

    Raises ModelError where the hub has no such model, does not let this machine read it or cannot be reached.
    """
    from httpx2 import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        NotASafetensorsRepoError,
        RepositoryNotFoundError,
    )

    try:
        hub = HfApi()
        # This call does not try again for half a minute where there is no network, as the next ones would.
        revision = hub.model_info(repository, timeout=_TIMEOUT_S).sha
        config = json.loads(Path(hub.hf_hub_download(repository, "config.json", revision=revision)).read_bytes())
        metadata = hub.get_safetensors_metadata(repository, revision=revision)
    except HFValidationError as error:
        raise ModelError(f"{repository!r} is neither a model folder nor a hub id of the form owner/name") from error
    except GatedRepoError as error:
        raise ModelError(
            f"the hub model {repository} is gated: accept its terms on its page, then set HF_TOKEN"
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(f"there is no folder {repository}, and no such model on the hub that may be read") from error
    except NotASafetensorsRepoError as error:
        raise ModelError(f"the hub model {repository} has no safetensors files, so it cannot be planned") from error
    except (LocalEntryNotFoundError, HfHubHTTPError, HTTPError, OSError) as error:
        raise ModelError(
            f"there is no folder {repository}, and the hub cannot be reached ({type(error).__name__}): give a local "
            "folder, or check the network or HF_ENDPOINT"
        ) from error
    tensors = [
        TensorHeader(name, str(tensor.dtype), tuple(tensor.shape))
        for file in metadata.files_metadata.values()
        for name, tensor in file.tensors.items()
    ]
    return make_shape(repository, config, tensors)
