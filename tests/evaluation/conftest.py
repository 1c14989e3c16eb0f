"""The runs that these tests judge, made once for all of them."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.command import Outcome
from tests.evaluation.judged import Place, make_place


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Never changed by a test."""
    import torch

    root, threads = tmp_path_factory.mktemp("judged"), torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XLT_CACHE", str(root / "cache"))
        patch.setenv("TOKENIZERS_PARALLELISM", "false")
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("TRANSFORMERS_VERBOSITY", "error")
        torch.set_num_threads(1)  # several processes of pytest-xdist share the cores
        yield make_place(root)
    torch.set_num_threads(threads)


@pytest.fixture
def place(made: Place, clean_folder: Path) -> Place:
    """Copies that a test may change, in the working folder."""
    for path in made:
        shutil.copytree(path, clean_folder / path.name)
    return Place(*(clean_folder / path.name for path in made))


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """`xlt-train evaluate` in this process."""
    from tests.train.toy import run_train

    return lambda *words: run_train(capsys, "evaluate", *words)
