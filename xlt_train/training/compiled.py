"""Training under torch.compile: compiled code that knows of the hooks by which methods reach into a model."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import TrainingArguments

_BACKEND = "ACCELERATE_DYNAMO_BACKEND"  # what `accelerate launch --dynamo_backend` and TrainingArguments set


@contextmanager
def compiling(arguments: "TrainingArguments") -> Iterator[None]:
    """Train inside: code is compiled anew, with and without hooks apart. Nothing happens where nothing is compiled.

    torch looks for hooks when it compiles and, by default, never again: code made for a model without them (by an evaluation,
    or for another run in this process, since all models of a class share it) would serve one with them, and leave them out.
    """
    if not arguments.torch_compile and os.environ.get(_BACKEND, "no").lower() in ("", "no"):
        yield
        return
    import torch
    from torch._dynamo import config

    torch.compiler.reset()
    with config.patch(skip_nnmodule_hook_guards=False):
        yield
