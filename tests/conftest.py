"""What several tests share: a toy of the whole project, its road gone once."""

import shutil
from pathlib import Path

import pytest

from tests import toy as toys
from tests.page.test_site import CHROMIUM_FLAGS, ROOT, build, served


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


@pytest.fixture(scope="session")
def browser():
    """Start Debian's chromium, driven by playwright."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    assert path, "chromium is not installed: `apt install chromium`."
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def post(tmp_path_factory):
    """Build and serve the post of this repository."""
    with served(build(ROOT, tmp_path_factory.mktemp("post") / "site")) as site:
        yield site
