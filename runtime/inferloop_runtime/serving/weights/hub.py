"""Fetch a model from the Hugging Face hub."""

from pathlib import Path

from inferloop_runtime.errors import ModelError

# What serving reads; other formats of the same weights stay on the hub.
_PATTERNS = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "tokenizer.model")
_IGNORED = ("onnx/*", "openvino/*", "original/*", "gguf/*")


def download_model(repository: str, revision: str | None = None) -> Path:
    """Download safetensors, config and tokenizer of a hub repository into the hub's own cache; return the folder.

    A token is taken from where huggingface_hub looks (`HF_TOKEN` or `hf auth login`); `HF_ENDPOINT` names a mirror.
    Raises ModelError where the repository, the revision or the hub itself cannot be reached.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name = f"{repository}@{revision}" if revision else repository
    try:
        folder = snapshot_download(
            repository, revision=revision, allow_patterns=list(_PATTERNS), ignore_patterns=list(_IGNORED)
        )
    except HFValidationError as error:
        raise ModelError(
            f"{repository!r} is neither a folder, a known sample nor a hub id of the form owner/name: {error}"
        ) from error
    except GatedRepoError as error:
        raise ModelError(
            f"the hub model {name} is gated: accept its terms on its page, then set HF_TOKEN to a token that reads it"
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"the hub has no model {name} that this machine may read; check the id, or set HF_TOKEN for a private one"
        ) from error
    except RevisionNotFoundError as error:
        raise ModelError(f"the hub model {repository} has no revision {revision!r}") from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise ModelError(
            f"the hub cannot be reached for {name} ({type(error).__name__}): check the network or HF_ENDPOINT, "
            "or use a local folder or `sample:smollm2-135m-instruct` as the source"
        ) from error
    return Path(folder)
