"""Imports go one way: stages top to bottom, no cycle, nothing across the line between the packages, nothing at start-up."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT

STAGES = {
    "xlt_augment": (
        "errors resources canonical arrays compiled kernel_sha256 sha256 content_hash words synonyms vectors cluster counterfit"
        " perturb tokens materialize store service cli __main__"
    ).split(),
    "xlt_train": (
        "errors resources files data models perturbation methods runs training evaluation probing sweep statistics languages"
        " published results reporting cli __main__"
    ).split(),
}
HEAVY = {"torch", "transformers", "datasets", "pandas", "gensim", "nltk", "numba", "pyarrow", "numpy", "socket", "requests"}
HEAVY |= {
    "scipy",
    "matplotlib",
    "sklearn",
    "fsspec",
    "s3fs",
    "gcsfs",
    "adlfs",
    "asyncssh",
    "botocore",
    "aiohttp",
    "ray",
    "fastapi",
    "uvicorn",
    "sqlite3",
}
FORBIDDEN = {"xlt_augment": {"xlt_train", "torch", "transformers"}, "xlt_train": {"xlt_augment", "nltk", "gensim"}}
ALLOWED = {"xlt_augment.tokens.tokenizer": {"transformers"}}  # inside a function only


def _modules(package: str) -> dict[str, Path]:
    files = (PROJECT / package).rglob("*.py")
    return {".".join(p.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__"): p for p in files}


def _imports(path: Path, *, top_level: bool = False) -> set[str]:
    tree = ast.parse(path.read_text())
    typing_only = {
        node for block in ast.walk(tree) if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }  # fmt: skip
    nodes = tree.body if top_level else ast.walk(tree)
    found: set[str] = set()
    for node in nodes:
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _stage(module: str, package: str) -> int | None:
    parts = module.split(".")
    return STAGES[package].index(parts[1]) if len(parts) > 1 and parts[0] == package else None


@pytest.mark.parametrize("module", sorted({**_modules("xlt_augment"), **_modules("xlt_train")}))
def test_a_module_imports_only_from_stages_above(module: str) -> None:
    package = module.split(".")[0]
    own = _stage(module, package)
    for name in _imports(_modules(package)[module]):
        other = _stage(name, package)
        if own is not None and other is not None:
            assert other <= own, f"{module} imports {name}"


def test_there_is_no_cycle() -> None:
    for package in FORBIDDEN:
        modules = _modules(package)
        graph = {m: {n for n in _imports(p) if n in modules and n != m} for m, p in modules.items()}
        while graph:
            leaves = {m for m, needs in graph.items() if not needs & graph.keys()}
            assert leaves, f"cycle among {sorted(graph)}"
            graph = {m: needs for m, needs in graph.items() if m not in leaves}


def test_the_line_between_the_packages_holds() -> None:
    for package, forbidden in FORBIDDEN.items():
        for module, path in _modules(package).items():
            crossed = {name.split(".")[0] for name in _imports(path)} & forbidden - ALLOWED.get(module, set())
            crossed |= {name.split(".")[0] for name in _imports(path, top_level=True)} & forbidden
            assert not crossed, f"{module} imports {crossed}"


def _loaded_by(code: str, cwd: Path) -> set[str]:
    program = f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=cwd)
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_importing_costs_nothing(tmp_path: Path) -> None:
    assert not _loaded_by("import xlt_augment, xlt_train", tmp_path) & HEAVY


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    code = "from xlt_augment.cli.main import cli\ncli.main(['build', '--help'], standalone_mode=False)"
    assert not _loaded_by(code, tmp_path) & (HEAVY - {"socket"})


@pytest.mark.parametrize("command", ["fit", "sweep"])
def test_help_of_training_loads_nothing_heavy(tmp_path: Path, command: str) -> None:
    code = f"from xlt_train.cli.main import cli\ncli.main(['{command}', '--help'], standalone_mode=False)"
    assert not _loaded_by(code, tmp_path) & HEAVY


def test_a_build_from_a_file_needs_no_datasets_nor_pandas(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("the movie\tthe film\t1\n")
    code = "from xlt_augment import *\nbuild('a.tsv', Substitute(SynonymSet.default()), m=1)"
    assert not _loaded_by(code, tmp_path) & {"torch", "transformers", "datasets", "pandas", "gensim", "nltk"}


def test_no_socket_is_opened(tmp_path: Path) -> None:
    guard = (
        "def watch(event, args):\n    if event.startswith('socket.'): raise RuntimeError(event)\n"
        "sys.addaudithook(watch)\nfrom xlt_augment import *\nfrom xlt_augment.cli.main import cli\n"
        "cli.main(['--help'], standalone_mode=False)\nSynonymSet.default()"
    )
    _loaded_by(guard, tmp_path)


def test_the_public_names_are_these() -> None:
    import xlt_augment
    import xlt_train

    assert set(xlt_augment.__all__) == {"Substitute", "Swap", "SynonymSet", "XltError", "augment", "build", "verify"}
    training = {"METHODS", "Method", "RobustTrainer", "TrainingSet", "XltError", "evaluate", "fit", "probe", "report"}
    assert set(xlt_train.__all__) == training
    for package in (xlt_augment, xlt_train):
        for name in package.__all__:
            assert getattr(package, name).__doc__
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            _ = package.nothing


def test_every_public_name_is_documented() -> None:
    for package in FORBIDDEN:
        for module, path in _modules(package).items():
            tree = ast.parse(path.read_text())
            assert ast.get_docstring(tree), module
            if "kernel" in module:
                continue
            private = [n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name.startswith("_")]
            holders = private + [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
            inner = {n for holder in holders for n in ast.walk(holder) if n is not holder}
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                    assert ast.get_docstring(node) or node in inner, f"{module}.{node.name}"


def test_a_service_is_ready_before_the_compiler_is_loaded(tmp_path: Path) -> None:
    code = (
        "from xlt_augment.service.application import create_app\nfrom xlt_augment.service.server import open_service\n"
        "from xlt_augment.service.settings import Settings\ncreate_app(open_service(Settings()))"
    )
    assert not _loaded_by(code, tmp_path) & (HEAVY - {"socket", "numpy", "pyarrow", "fastapi", "uvicorn", "sqlite3"})
