"""What several tests share: a toy of the whole project, its road gone once."""

import shutil
from pathlib import Path

import pytest

from tests import toy as toys
from tests.page.test_site import browser, post  # noqa: F401 - fixtures, for all that look at the page


@pytest.fixture(scope="session")
def toy(tmp_path_factory) -> toys.Toy:
    """The toy after `doit train` and `doit`: data collected, a model trained, evidence, pictures and tables made.

    Shared by the whole session: read it, and change only a copy (`toy.copy(tmp_path)`, or the fixture `own_toy`).
    """
    made = toys.build(tmp_path_factory.mktemp("toy"))
    made.make("train")
    made.make("-n", "2")
    return made


@pytest.fixture
def own_toy(toy, tmp_path) -> toys.Toy:
    """A copy of the finished toy, to be changed at will; it is removed after the test."""
    copy = toy.copy(Path(tmp_path) / "toy")
    yield copy
    shutil.rmtree(copy.root)
