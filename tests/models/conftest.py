import os
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest
from hypothesis import settings

from models.catalog import load_catalog
from models.fetch import ModelShelf
from models.llama import LlamaChild, LlamaSettings
from models.tiny import write_tiny_gguf

# The tests may run as an account that cannot write into the checkout, and on machines busy with other things.
settings.register_profile("appliance", database=None, deadline=None)
settings.load_profile("appliance")


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture
def tiny_model(tiny_gguf: Path) -> Iterator[LlamaChild]:
    with LlamaChild(LlamaSettings(tiny_gguf, context_tokens=4096, threads=1)) as model:
        yield model


@pytest.fixture(scope="session")
def starter_gguf() -> Path:
    """The smallest starter model on this account's own shelf; pulled once if it is not there yet."""
    home = Path(os.environ.get("APPLIANCE_HOME") or platformdirs.user_data_dir("appliance"))
    return ModelShelf(home / "models", load_catalog()).pull("qwen2.5-coder-0.5b").path
