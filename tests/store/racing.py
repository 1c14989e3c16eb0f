"""Commands of `xlt-augment` that start at one moment, each in a process of its own, or reach their commit at one moment."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.command import Outcome

_COMMIT = 60  # seconds until the last one arrives


def race(commands: Sequence[Sequence[object]], folder: Path, *, together: bool = False) -> list[Outcome]:
    """Run the commands at once; with `together` none commits before all are about to. Racer k publishes as `racer-k`."""
    folder.mkdir()
    request = {"commands": [list(map(str, command)) for command in commands], "folder": str(folder), "together": together}
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.racing", json.dumps(request)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [
        Outcome(code, (folder / f"{number}.out").read_text(), (folder / f"{number}.err").read_text())
        for number, code in enumerate(json.loads(done.stdout))
    ]


def _run(number: int, command: list[str], request: dict[str, Any], start: Any, commit: Any) -> None:
    from xlt_augment.cli.main import main
    from xlt_augment.store.repository import Store

    for descriptor, name in ((1, "out"), (2, "err")):
        target = os.open(f"{request['folder']}/{number}.{name}", os.O_WRONLY | os.O_CREAT)
        os.dup2(target, descriptor)
    os.environ["XLT_PUBLISHER"] = f"racer-{number}"
    sys.argv = ["xlt-augment", *command]
    if request["together"]:
        plain = Store.claim

        def claim(self: Store, *arguments: Any, **options: Any) -> Any:
            commit.wait(_COMMIT)
            return plain(self, *arguments, **options)

        Store.claim = claim  # type: ignore[method-assign]
    start.wait(_COMMIT)
    main()


def _main() -> None:
    import fsspec  # noqa: F401 - once, before the racers are forked
    import numpy  # noqa: F401

    from xlt_augment.store import publish, pull  # noqa: F401

    if os.environ.get("AWS_ENDPOINT_URL"):
        import s3fs  # noqa: F401
    request, context = json.loads(sys.argv[1]), get_context("fork")
    commands = request["commands"]
    barriers = [context.Barrier(len(commands)) for _ in range(2)]
    racers = [context.Process(target=_run, args=(number, words, request, *barriers)) for number, words in enumerate(commands)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    sys.stdout.write(json.dumps([racer.exitcode for racer in racers]))


if __name__ == "__main__":
    _main()
