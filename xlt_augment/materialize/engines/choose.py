"""Engines by name."""

from collections.abc import Iterator
from contextlib import contextmanager

from xlt_augment.cluster import connected, refuse_ray_options
from xlt_augment.errors import UsageError
from xlt_augment.materialize.engines import Engine
from xlt_augment.materialize.engines.local import LocalEngine
from xlt_augment.materialize.engines.ray import RayEngine
from xlt_augment.materialize.plan import thread_count

ENGINES = ("local", "ray")


@contextmanager
def open_engine(
    name: str = "local", *, num_proc: int | None = None, ray_address: str | None = None, blocks: int | None = None
) -> Iterator[Engine]:
    """The engine `name`, ready to work: `local` with `num_proc` threads, `ray` with a connection that ends with the block.

    `ray_address` and `blocks` (how many runs the source is cut into) are for `ray`, where `num_proc` are the threads of one
    worker, by default 1. Raises UsageError for other names and options, ClusterError where a cluster cannot be reached.
    """
    if name not in ENGINES:
        raise UsageError("reading --engine", found=repr(name), expected=f"one of {', '.join(ENGINES)}", remedy="Choose one")
    for option, value in (("--blocks", blocks), ("--num-proc", num_proc)):
        if value is not None and value < 1:
            raise UsageError(f"reading {option}", found=str(value), expected="a number from 1", remedy="Leave it out")
    if name == "local":
        refuse_ray_options(ray_address=ray_address, blocks=blocks)
        yield LocalEngine(thread_count(num_proc))
        return
    with connected(ray_address) as cluster:
        yield RayEngine(cluster, blocks, num_proc or 1)
