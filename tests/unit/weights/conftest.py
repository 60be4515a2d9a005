import pytest
from inferloop_runtime.serving.weights.preparation import prepare_model


@pytest.fixture(scope="session")
def sample_model(tmp_path_factory):
    """The converted sample model in a folder that must not be changed, by way of a cache of its own."""
    root = tmp_path_factory.mktemp("sample")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        prepare_model("sample:smollm2-135m-instruct", root / "model")
    return root / "model"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache; returns the folder of its entries."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "inferloop" / "weights"
