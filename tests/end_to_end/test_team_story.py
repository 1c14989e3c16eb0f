"""README's story of two teams, word for word."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.command import SCRIPTS
from tests.conftest import PROJECT

SAMPLES = PROJECT / "data" / "samples" / "paraphrase"


def test_the_story_of_two_teams_runs(clean_folder: Path, tmp_path: Path) -> None:
    text = (PROJECT / "README.md").read_text()
    (story,) = re.findall(r"^## Share it between teams\n.*?^```bash\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    for name in ("train-en.tsv", "dev-en.tsv"):
        shutil.copy(SAMPLES / name, name.replace("train-en", "train"))
    env = {**os.environ, "PATH": f"{SCRIPTS}:{os.environ['PATH']}", "XLT_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", story], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    assert "nli-team/train@v1" in Path("model/README.md").read_text()
    record = json.loads(Path("model/xlt-run.json").read_text())
    assert record["data"][0]["store"]["reference"] == "nli-team/train@v1"
    assert record["data"][0]["logical_hash"] == json.loads(Path("train-10/xlt.json").read_text())["logical_hash"]
    (shown,) = re.findall(r"^```text\n(run nli-team/model.*?)^```$", text, re.DOTALL | re.MULTILINE)
    tree = done.stdout[done.stdout.rindex("run nli-team/model") :]
    hashes = r"\([0-9a-f]{12}"
    assert re.sub(hashes, "(", tree) == re.sub(hashes, "(", shown)
    assert "published nli-team/train@v1\n" in done.stdout
