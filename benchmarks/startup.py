"""What it takes until a command works: whole processes, with numba's compiled code on disk and without.

    python benchmarks/startup.py [--runs 5]

Prints a table and writes benchmarks/results/startup.json.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from common import Jobs, rounds, source_or_sample, write_result


def process(code: list[str], environment: dict[str, str] | None = None) -> Callable[[], object]:
    """A Python process of its own, from start to end."""
    command = [sys.executable, *code]
    return lambda: subprocess.run(command, check=True, capture_output=True, env=os.environ | (environment or {}))


def without_cache(code: list[str], folder: Path) -> Callable[[], object]:
    """The same after an installation: nothing compiled yet."""

    def work() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        process(code, {"NUMBA_CACHE_DIR": str(folder)})()

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build = ["-m", "xlt_augment", "build", str(source_or_sample(None)), "--out", str(folder / "out"), "--overwrite"]
        one = "from xlt_augment import Swap, augment; augment(['a b'], Swap(), m=1)"
        jobs: Jobs = {
            "an empty Python": process(["-c", "pass"]),
            "import numpy, pyarrow.compute": process(["-c", "import numpy, pyarrow.compute"]),
            "import numba": process(["-c", "import numba"]),
            "import xlt_augment": process(["-c", "import xlt_augment"]),
            "xlt-augment --help": process(["-m", "xlt_augment", "--help"]),
            "xlt-train --help": process(["-m", "xlt_train", "--help"]),
            "xlt-augment synonyms info": process(["-m", "xlt_augment", "synonyms", "info"]),
            "augment of one text": process(["-c", one]),
            "xlt-augment build, 240 rows": process(build),
            "xlt-augment build, 240 rows, nothing compiled": without_cache(build, folder / "numba"),
        }
        seconds = rounds(jobs, options.runs, warm=list(jobs))
    table = [{"what": name, "seconds": round(statistics.median(values), 3)} for name, values in seconds.items()]
    for row in table:
        print(f"{row['what']:<52}{row['seconds']:>9.3f} s")
    write_result("startup", {"runs": options.runs, "table": table}, ("xlt", "numba", "numpy", "pyarrow", "scipy"))


if __name__ == "__main__":
    main()
