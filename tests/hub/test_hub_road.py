"""`source=hub` end to end on a toy: a small hub and a server of the dataset on the loopback, the real client, one word."""

import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator

import pytest

from pipeline import files
from pipeline.evidence import checkpoints
from pipeline.show.tabulate import interval
from pipeline.study import runs
from tests import small_hub, warm
from tests import toy as toys
from tests.page.test_site import build

DT, TT = runs.PUBLISHED_DECISION_TRANSFORMER, runs.PUBLISHED_TRAJECTORY_TRANSFORMER
PLACE = "/d4rl/halfcheetah_medium-v2.hdf5"

RUNS = """

from pipeline.study.published import published

D4RL_MEDIUM = replace(D4RL_MEDIUM, address={address!r}, known=None)
PUBLISHED_DATASETS = (D4RL_MEDIUM, MINARI[1])
HUB_EVALUATIONS = (
    replace(HEADLINE, name="hub_dt_halfcheetah_6000", checkpoint="hub_dt_halfcheetah", episodes=1, shard_episodes=1),
    replace(WIDEST_SEARCH, name="hub_tt_halfcheetah_k1", checkpoint="hub_tt_halfcheetah", beams=1, horizon=1, episodes=1),
)
HUB_ATTENTIONS = HUB_ATTENTIONS[:1]
HUB_LATENCIES = HUB_ROLLOUTS = HUB_IMAGINATIONS = HUB_COMPARISONS = HUB_ANIMATIONS = ()
HUB_FIGURES = (Figure("hub_dt_last_layer_attention_map", ("attention/hub_dt_halfcheetah",), pixels=True),)
"""
CONTEXTS = "checkpoints/contexts/halfcheetah.safetensors"
TABLES = ("labels.j2", "sources.md.j2", "provenance.md.j2")


@pytest.fixture(scope="module")
def served():
    hub = small_hub.full()
    hub.plain[PLACE] = small_hub.d4rl()
    yield hub
    hub.stop()


@pytest.fixture(scope="module")
def road(served, tmp_path_factory) -> toys.Toy:
    """A toy that has trained nothing, with the contexts that attention reads, before anything was fetched or locked."""
    toy = toys.build(tmp_path_factory.mktemp("hub"), behavior=False)
    with open(toy.root / "pipeline" / "study" / "runs.py", "a", encoding="utf-8") as file:
        file.write(RUNS.format(address=served.endpoint + PLACE))
    for path in (toy.root / "templates").iterdir():
        path.unlink()
    for name in TABLES:
        shutil.copy(toys.ROOT / "templates" / name, toy.root / "templates")
    contexts, facts = checkpoints.read_tensors(toys.ROOT / CONTEXTS)
    checkpoints.write_tensors(toy.root / CONTEXTS, {name: tensor[:3] for name, tensor in contexts.items()}, facts)
    return toy


def surroundings(toy, endpoint: str, **more: str) -> dict[str, str]:
    names = {"HF_ENDPOINT": endpoint, "HF_HOME": str(toy.root / "hf"), "NO_PROXY": "127.0.0.1,localhost"}
    return toy.environment(**names, **more)


@pytest.fixture(scope="module")
def online(road, served) -> Iterator[Callable[..., subprocess.CompletedProcess]]:
    """Runs `python -m <words>` in the toy, with the small hub in the place of the world's."""
    variables = surroundings(road, served.endpoint)
    server = warm.Server(variables)
    yield lambda *words: server.run(list(words), road.root, variables)
    server.close()


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address where nothing listens, nor can, as long as the test runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def sha256(toy, checkpoint: str) -> str:
    return files.sha256(toy.root / "checkpoints" / checkpoint / "model.safetensors")


def test_one_word_leads_from_an_empty_lock_to_a_table_row(road, served, online, nowhere):
    toys.assert_one_sentence(
        online("pipeline", "make", "evaluations/dt-halfcheetah-6000", "--source", "hub"), "hub.lock", "`make lock-hub`"
    )
    done = online("doit", "source=hub")
    assert done.returncode and "`make lock-hub`" in done.stdout + done.stderr and served.requests == []
    done = online("pipeline", "lock-hub")
    assert done.returncode == 0, done.stderr
    lock = json.loads((road.root / "hub.lock").read_text(encoding="utf-8"))
    assert lock["checkpoints"] == {name: served.entry(name) for name in (DT.repository, TT.repository)}

    done = online("doit", "source=hub")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {path.relative_to(road.root / "results").as_posix() for path in (road.root / "results").rglob("hub_*.json")}
    assert found == {
        "fetched/hub_dt_halfcheetah.json",
        "fetched/hub_tt_halfcheetah.json",
        "evaluations/hub_dt_halfcheetah_6000.json",
        "evaluations/hub_tt_halfcheetah_k1.json",
        "attention/hub_dt_halfcheetah.json",
        "pictures/hub_dt_last_layer_attention_map.json",
    }
    content = json.loads((road.root / "results/fetched/hub_dt_halfcheetah.json").read_text(encoding="utf-8"))
    assert content["values"]["commit"] == lock["checkpoints"][DT.repository]["commit"]
    assert content["values"]["parameters"] == 861_080
    played = json.loads((road.root / "results/evaluations/hub_dt_halfcheetah_6000.json").read_text(encoding="utf-8"))
    assert played["run"]["checkpoint"] == "hub_dt_halfcheetah" and "missing" not in played["made"]["inputs"].values()
    commit, table = content["values"]["commit"], (road.root / "_includes/tables/sources.md").read_text(encoding="utf-8")
    assert f"| Decision Transformer, asked for 6000 | {interval(played['values'], 'return', 0)} | " in table
    assert f"`{DT.repository}`, commit `{commit[:12]}`: trained by others on D4RL's halfcheetah-medium-v2" in table
    origins = (road.root / "_includes/tables/provenance.md").read_text(encoding="utf-8")
    assert f"`hub_dt_halfcheetah`, from `{DT.repository} at {commit[:12]}`, {sha256(road, DT.name)[:12]} | " in origins
    assert "D4RL's halfcheetah-medium-v2; HalfCheetah-v2 | HalfCheetah-v4; gymnasium" in origins
    assert road.leftovers() == []

    served.requests.clear()
    again = road.run("doit", "source=hub", env=surroundings(road, nowhere))
    assert again.returncode == 0, again.stdout + again.stderr
    assert not [line for line in again.stdout.splitlines() if line.startswith(".  ") and line != ".  plan"]
    assert served.requests == [], "the second time nothing is asked of anybody"


def test_offline_with_an_empty_cache_says_which_command_fills_it(road, served, nowhere):
    for path in (road.root / "checkpoints" / "hub_dt_halfcheetah").iterdir():
        path.unlink()
    offline = surroundings(road, nowhere, HF_HUB_OFFLINE="1") | {"HF_HOME": str(road.root / "nothing")}
    done = road.run("pipeline", "make", "evaluations/hub_dt_halfcheetah_6000", env=offline)
    toys.assert_one_sentence(done, "HF_HUB_OFFLINE is set", "`python -m pipeline make fetched/hub_dt_halfcheetah`")


def test_offline_with_a_filled_cache_a_lost_checkpoint_comes_back(road, served, nowhere):
    offline = surroundings(road, nowhere, HF_HUB_OFFLINE="1")
    served.requests.clear()
    done = road.run("pipeline", "make", "evaluations/hub_dt_halfcheetah_6000", env=offline)
    assert done.returncode == 0, done.stderr
    assert served.requests == []


def test_an_unknown_source_is_one_sentence(road):
    done = road.run("doit", "source=moon")
    assert done.returncode and "error: there is no source 'moon'; known: local, hub" in done.stderr
    assert "Traceback" not in done.stderr


def test_reproduction_from_the_hub_makes_its_evidence_again(road, online):
    done = online("pipeline", "reproduce", "--minutes", "0", "--source", "hub")
    assert done.returncode == 0, done.stdout + done.stderr
    verdicts = json.loads((road.root / "build/reproduce/verdict.json").read_text(encoding="utf-8"))
    found = {entry["result"]: entry["verdict"] for entry in verdicts}
    assert found.keys() == {
        "evaluations/hub_dt_halfcheetah_6000",
        "evaluations/hub_tt_halfcheetah_k1",
        "attention/hub_dt_halfcheetah",
        "pictures/hub_dt_last_layer_attention_map",
        "tables/provenance",
        "tables/sources",
    }
    assert set(found.values()) == {"identical"}


def test_results_made_by_other_code_are_announced(road):
    assert "published checkpoints" not in road.run("pipeline", "plan").stdout
    with open(road.root / "pipeline" / "measures" / "evaluate.py", "a", encoding="utf-8") as file:
        file.write("\n\nMOVED = 1\n")
    said = road.run("pipeline", "plan").stdout
    assert "2 results of published checkpoints were made by other code, such as evaluations/hub_dt_halfcheetah_6000" in said


def test_the_page_shows_what_was_measured_of_the_hub_and_nothing_else(road, tmp_path):
    source = tmp_path / "source"
    parts = ("_config.yml", "_layouts", "_plugins", "_includes", "assets", "images", "results", "index.md", "appendix.md")
    for name in (*parts, "404.html", "CITATION.cff", "feed.xml", "robots.txt", "sitemap.xml"):
        copy = shutil.copytree if (toys.ROOT / name).is_dir() else shutil.copy
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        copy(toys.ROOT / name, source / name)
    for name in ("node_modules", "checkpoints"):
        (source / name).symlink_to(toys.ROOT / name)
    for path in (*road.root.glob("results/*/hub_*.json"), *road.root.glob("images/hub_*")):
        (source / path.relative_to(road.root)).parent.mkdir(exist_ok=True)
        shutil.copy(path, source / path.relative_to(road.root))
    shutil.copy(road.root / "_includes/tables/sources.md", source / "_includes/tables/sources.md")
    site = build(source, tmp_path / "site")
    page = (site / "appendix" / "index.html").read_text(encoding="utf-8")
    assert "have not been played for this page" not in (site / "index.html").read_text(encoding="utf-8")
    assert "have not been played for this page" not in page and DT.repository in page
    assert 'id="fig-hub_dt_last_layer_attention_map"' in page and 'id="fig-hub_tt_patterns"' not in page
