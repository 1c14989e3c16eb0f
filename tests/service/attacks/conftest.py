"""The service that is attacked, and what must be true of it after each attack and in the end."""

import re
from collections.abc import Iterator

import pytest

from tests.service.attacks.raw import OTHER_READ, READ, WRITE, request, statuses, talk
from tests.service.process import Served, serving


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("attacked")
    tokens = home / "tokens"
    tokens.write_text(f"read {READ}\nread {OTHER_READ}\nwrite {WRITE}\n")
    tokens.chmod(0o600)
    with serving(
        "default", "--tokens", tokens, "--trusted-proxy", "127.0.0.1", "--vetoes", home / "v.sqlite", home=home
    ) as found:
        yield found
        said = found.said()
        found.process.terminate()
        assert found.process.wait(90) == 0  # a thread may still compile the kernels, where no cache has them
        assert "Traceback" not in said
        for secret in (READ, OTHER_READ, WRITE, "forged"):
            assert secret not in said.replace("%0Aforged", "").replace("%0aforged", "")
        assert all(re.match(r"\d{4}-\d\d-\d\dT|    ", line) for line in said.splitlines())


@pytest.fixture(autouse=True)
def _stands(served: Served) -> Iterator[None]:
    """Whatever was tried: it lives, knows its set, and nothing was written."""
    yield
    assert statuses(served, request("GET", "/healthz")) == [200]
    assert b'"default"' in talk(served, request("GET", "/v1/sets", token=READ))
    vetoes = talk(served, request("GET", "/v1/sets/default/vetoes?state=all", token=READ))
    assert b'"items":[]' in vetoes
    assert served.process.poll() is None
