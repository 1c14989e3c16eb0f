"""Training under torch.compile: compiled code that knows of the hooks by which methods reach into a model."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from xlt_train.errors import RunError

if TYPE_CHECKING:
    from transformers import TrainingArguments

_BACKEND = "ACCELERATE_DYNAMO_BACKEND"  # which `accelerate launch --dynamo_backend` sets


@contextmanager
def compiling(arguments: "TrainingArguments") -> Iterator[None]:
    """Train inside: code is compiled anew, with and without hooks apart. Nothing happens where nothing is compiled.

    torch looks for hooks when it compiles and, by default, never again: code made for a model without them (by an evaluation,
    or for another run in this process, since all models of a class share it) would serve one with them, and leave them out.
    Raises RunError where the compiler fails.
    """
    if not arguments.torch_compile and os.environ.get(_BACKEND, "no").lower() in ("", "no"):
        yield
        return
    import torch
    from torch._dynamo import config
    from torch._dynamo.exc import BackendCompilerFailed

    torch.compiler.reset()
    try:
        with config.patch(skip_nnmodule_hook_guards=False):
            yield
    except BackendCompilerFailed as error:
        raise RunError(
            "compiling the model",
            found=" ".join(str(error).partition("\n\n")[0].split())[:300],
            expected="all that the backend of torch.compile needs; inductor takes a C++ compiler",
            remedy="Leave out --torch_compile, or choose another --torch_compile_backend",
        ) from error
