"""One thread: sums depend on how many threads share them, and threads of several processes wait for each other."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """For torch in this process."""
    import torch

    torch.set_num_threads(1)
