"""Shared by the tests of the page."""

from collections.abc import Iterator

import pytest

from tests.service.page_cases import Live, serving


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service with two small sets, one for all tests of a module."""
    with serving(tmp_path_factory.mktemp("service")) as running:
        yield running
