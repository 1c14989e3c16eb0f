"""The toy task and the runs on it that several tests look at; each is made once, for all workers of pytest-xdist."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from filelock import FileLock

from tests.train.toy import Toy, add_tokens, make_toy, toy_in

Once = Callable[[str, Callable[[Path], object]], Path]


class TokenToy(NamedTuple):
    """A saved encoder, another with another vocabulary, and datasets with token columns of the first."""

    bert: Path
    other: Path
    pairs: Path
    single: Path

    @property
    def tokenizer(self) -> Any:
        """Of the first encoder."""
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self.bert)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Receipts of files that were hashed lie in a folder of the test, and the Hub is never asked."""
    monkeypatch.setenv("XLT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session", autouse=True)
def one_thread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One thread for each process: the threads of several on few cores wait for each other, up to fifty times as long.

    Sums also depend on how many threads share them, and the tests compare weights bit by bit.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XLT_CACHE", str(tmp_path_factory.mktemp("cache")))  # of the session's own runs
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("TOKENIZERS_PARALLELISM", "false")
        patch.setenv("TRANSFORMERS_VERBOSITY", "error")
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)
        yield


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """`once(name, make)`: a folder that `make` fills, the first time that any worker asks for it."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    root.mkdir(exist_ok=True)

    def get(name: str, make: Callable[[Path], object]) -> Path:
        folder, done = root / name, root / f"{name}.done"
        with FileLock(root / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return get


@pytest.fixture(scope="session")
def toy(once: Once) -> Toy:
    """The toy task."""
    return toy_in(once("toy", lambda folder: make_toy(folder)))


@pytest.fixture(scope="session")
def place(toy: Toy, once: Once) -> TokenToy:
    """The toy task with token columns."""

    import datasets
    from transformers import AutoTokenizer

    from tests.small_models import save_small_bert

    def make(folder: Path) -> None:
        rows = datasets.load_from_disk(str(toy.synonym))
        save_small_bert(folder / "bert", [*rows["sentence1"], *rows["sentence2"]])
        save_small_bert(folder / "other", [*rows["sentence1"], "another quick brown vocabulary"])
        tokenizer = AutoTokenizer.from_pretrained(folder / "bert")
        add_tokens(toy.synonym, tokenizer, folder / "pairs")
        add_tokens(toy.single, tokenizer, folder / "single", by="words")

    folder = once("tokens", make)
    return TokenToy(*(folder / name for name in TokenToy._fields))


@pytest.fixture
def trainers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The trainers that `fit` makes during the test."""
    from xlt_train.training import trainer

    made: list[Any] = []

    class Noted(trainer.RobustTrainer):
        """The same, written down."""

        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            made.append(self)

    monkeypatch.setattr(trainer, "RobustTrainer", Noted)
    return made
