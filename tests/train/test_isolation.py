"""Training needs nothing of the augmentation half, and help needs nothing of training."""

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import xlt_train
from tests.train.conftest import Once
from tests.train.toy import Toy, fit_words

ABSENT = ("xlt", "nltk", "gensim", "numba", "llvmlite", "__editable__")
HEAVY = ("torch", "transformers", "datasets", "accelerate", "numpy", "pyarrow", "xlt_augment", "nltk", "gensim", "numba")

# `-S -I`: nothing on sys.path but the standard library and the folder that is named first.
RUN = """
import json, sys
sys.path.append(sys.argv[1])
words, report = json.loads(sys.argv[2]), sys.argv[3]
from xlt_train.cli.main import main
for part in words:
    sys.argv[1:] = part
    try:
        main()
    except SystemExit as end:
        assert not end.code, part
import xlt_train
found = {"modules": sorted(sys.modules), "home": xlt_train.__file__, "path": sys.path}
open(report, "w").write(json.dumps(found))
"""


@pytest.fixture(scope="session")
def packages(once: Once) -> Path:
    """All that is installed here but XLT, nltk, gensim and the compiler; and a copy of xlt_train."""

    def make(folder: Path) -> None:
        for entry in Path(sysconfig.get_path("purelib")).iterdir():
            if not entry.name.lower().startswith(ABSENT) and entry.suffix != ".pth":
                (folder / entry.name).symlink_to(entry)
        source = Path(xlt_train.__file__).parent
        shutil.copytree(source, folder / "xlt_train", ignore=shutil.ignore_patterns("__pycache__"))

    return once("packages", make)


def test_fit_and_evaluate_without_the_augmentation_half(packages: Path, toy: Toy, tmp_path: Path) -> None:
    fit = fit_words(toy.synonym, "rs-da", max_steps=2, dev=toy.dev, save_strategy="epoch", output_dir=tmp_path / "run")
    judge = ["evaluate", str(tmp_path / "run"), "--test-dir", str(toy.tests)]
    report = tmp_path / "report.json"
    command = [sys.executable, "-S", "-I", "-c", RUN, str(packages), json.dumps([fit, judge]), str(report)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(report.read_bytes())
    assert found["home"] == str(packages / "xlt_train" / "__init__.py")
    loaded = {name.partition(".")[0] for name in found["modules"]}
    assert not loaded & {"xlt_augment", "nltk", "gensim", "numba", "llvmlite"}
    assert {"xlt_train", "torch", "transformers", "datasets"} <= loaded
    assert json.loads((tmp_path / "run" / "xlt-run.json").read_bytes())["status"] == "finished"
    assert list((tmp_path / "run" / "evaluations").glob("*/accuracy.json"))


@pytest.mark.parametrize(
    ("statement", "kept_out"),
    [
        ("import xlt_train; dir(xlt_train); xlt_train.XltError", HEAVY),
        ("from xlt_train.cli.main import main; main()", tuple(name for name in HEAVY if name not in ("numpy", "pyarrow"))),
        ("import sys; sys.argv.insert(1, 'fit'); from xlt_train.cli.main import main; main()", HEAVY[:3]),
        ("import sys; sys.argv.insert(1, 'evaluate'); from xlt_train.cli.main import main; main()", HEAVY[:3]),
    ],
    ids=["import", "help", "fit --help", "evaluate --help"],
)
def test_nothing_heavy_is_loaded_before_there_is_work(statement: str, kept_out: tuple[str, ...]) -> None:
    code = f"import sys\ntry:\n    {statement}\nexcept SystemExit as end:\n    assert not end.code\n"
    code += f"print([name for name in {kept_out!r} if name in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "[]\n"
    assert ("Usage: xlt-train" in done.stdout) == ("main()" in statement)
