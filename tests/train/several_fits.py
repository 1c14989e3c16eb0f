"""Several runs one after the other in a process, or in each of a group: `python -m tests.train.several_fits RUNS.json`."""

import json
import sys
from pathlib import Path


def main() -> None:
    """`RUNS.json`: a list of the keyword arguments of `fit`."""
    import torch

    from xlt_train import fit

    torch.set_num_threads(1)
    for arguments in json.loads(Path(sys.argv[1]).read_bytes()):
        fit(**arguments)


if __name__ == "__main__":
    main()
