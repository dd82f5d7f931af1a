"""What several tests share: a toy of the whole project, its road gone once; the post, built once; a browser.

pytest may run in several processes (`-n 2`): what takes long is then made by the first that needs it, and used by all.
"""

# ruff: noqa: E402 - whatever imports the pipeline comes after its shapes are to be checked
import os

os.environ["OMP_NUM_THREADS"] = "1"  # of torch: workers, and the processes that tests start, are at work side by side
os.environ |= dict.fromkeys(("HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT"), "600")  # seconds; a busy machine is no lost hub

from tests import shapes

shapes.check()

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from tests import toy as toys
from tests.page.test_site import CHROMIUM_FLAGS, PATIENCE, ROOT, SAMPLE, build, served, write_sample

# No example fails by how long it takes; what the fixtures of a function made serves all of its examples.
settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("unhurried")

# Files whose tests take longest, longest first: files are given to workers one by one, and what comes last should be short.
LONGEST = (
    "page/test_site.py",
    "evidence/test_lies.py",
    "graph/test_renewal.py",
    "hub/test_hub_road.py",
    "wheel/test_page.py",
    "evidence/test_crashes.py",
    "wheel/test_drivers.py",
    "graph/test_road.py",
    "methods/trajectory_transformer/test_planning.py",
    "methods/trajectory_transformer/test_trajectory_training.py",
    "methods/trajectory_transformer/test_trajectory_transformer.py",
    "graph/test_check_evidence.py",
    "evidence/test_fingerprints.py",
    "graph/test_distribute.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.nodeid.partition("::")[0].removeprefix("tests/"), len(ranks)))


def once(tmp_path_factory, name: str, make: Callable[[Path], object]) -> Path:
    """A new folder filled by `make`: by the first of pytest's processes that asks for it, while the others wait."""
    place = tmp_path_factory.getbasetemp()
    place = place.parent if "PYTEST_XDIST_WORKER" in os.environ else place
    folder, whole = place / name, place / f"{name}.whole"
    with FileLock(place / f"{name}.lock"):
        if not whole.exists():
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder


@pytest.fixture(scope="session")
def toy(tmp_path_factory) -> toys.Toy:
    """The toy after `doit train` and `doit`: data collected, a model trained, evidence, pictures and tables made.

    Shared by the whole session: read it, and change only a copy (`toy.copy(tmp_path)`, or the fixture `own_toy`).
    """

    def make(folder: Path) -> None:
        made = toys.build(folder)
        made.make("train")
        made.make()

    return toys.Toy(once(tmp_path_factory, "toy", make))


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
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS, timeout=PATIENCE)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def post(tmp_path_factory):
    """Build and serve the post of this repository."""
    with served(once(tmp_path_factory, "post", lambda folder: build(ROOT, folder / "site")) / "site") as site:
        yield site


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """Build a small page that uses every include and filter."""

    def make(folder: Path) -> None:
        (folder / "source").mkdir()
        build(write_sample(folder / "source", SAMPLE), folder / "site")

    return once(tmp_path_factory, "sample", make) / "site"
