"""D4RL's dataset by HTTP from a server on the loopback, or from a file: whole, checked, recorded and held to the record."""

import errno
import json
import os
import urllib.request
from dataclasses import replace

import numpy as np
import pytest

from pipeline import PipelineError, files
from pipeline.data import d4rl, downloads, episodes
from pipeline.data.downloads import DownloadError
from pipeline.data.episodes import EpisodesError
from pipeline.evidence import fingerprints, recipes, records, source
from pipeline.hub import client, fetch_dataset
from pipeline.study import runs
from pipeline.worlds.world import HALFCHEETAH, WORLDS
from tests import small_hub

SHORT = replace(HALFCHEETAH, episode_steps=50)
NAME, PLACE = runs.D4RL_MEDIUM.name, "/gym_mujoco_v2/halfcheetah_medium-v2.hdf5"


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A server with a small file in D4RL's layout, and a project that knows no sum of it."""
    serving = small_hub.SmallHub(plain={PLACE: small_hub.d4rl(steps=50)}).start()
    run = replace(runs.D4RL_MEDIUM, address=serving.endpoint + PLACE, known=None)
    code = source.tree(files.ROOT)
    monkeypatch.setattr(fingerprints, "tree", lambda root: code)
    monkeypatch.setattr(files, "ROOT", tmp_path)
    monkeypatch.setitem(WORLDS, "HalfCheetah", SHORT)
    monkeypatch.setattr(client, "LOCK", tmp_path / "hub.lock")
    monkeypatch.setattr(recipes, "DATASETS", recipes.named((run,)))
    monkeypatch.setattr(fetch_dataset.command, "find", lambda name, registry: registry[name])
    monkeypatch.setattr(records.write, "__defaults__", (tmp_path, None))
    monkeypatch.setattr(downloads, "PAUSE", 0)
    client.LOCK.write_text('{"checkpoints": {}, "datasets": {}}')
    yield serving
    serving.stop()


def fetch(monkeypatch, *words) -> episodes.Episodes:
    monkeypatch.setattr("sys.argv", ["fetch_dataset", NAME.replace("_", "-"), *map(str, words)])
    fetch_dataset.main()
    return episodes.read(files.ROOT / "data" / f"{NAME}.hdf5", SHORT)


def original():
    return files.ROOT / "data" / "downloads" / f"{NAME}.hdf5"


def record() -> dict:
    return json.loads(client.LOCK.read_text(encoding="utf-8"))["datasets"]


def test_a_dataset_is_fetched_once_recorded_at_first_sight_and_described(served, monkeypatch, capsys):
    whole = fetch(monkeypatch)
    assert "seen for the first time" in capsys.readouterr().out
    assert whole.observations.shape == (3, 50, 17) and whole.actions.shape == (3, 50, 6)
    content = served.plain[PLACE]
    assert record() == {
        NAME: {"sha256": small_hub.digest(content), "bytes": len(content), "arrays_sha256": episodes.sha256(whole)}
    }
    values = json.loads((files.ROOT / "results" / "datasets" / f"{NAME}.json").read_text(encoding="utf-8"))["values"]
    assert values["episodes"] == 3 and values["arrays_sha256_of_dataset"] == episodes.sha256(whole)
    served.requests.clear()
    fetch(monkeypatch)
    assert served.requests == [] and "seen" not in capsys.readouterr().out
    assert [path.name for path in original().parent.iterdir()] == [original().name]


def test_a_file_without_timeouts_gives_the_same_episodes(served, tmp_path, monkeypatch):
    (tmp_path / "old.hdf5").write_bytes(small_hub.d4rl(steps=50, timeouts=False))
    assert episodes.sha256(fetch(monkeypatch, "--file", tmp_path / "old.hdf5")) == episodes.sha256(
        d4rl.read(write(tmp_path, small_hub.d4rl(steps=50)), SHORT)[0]
    )
    assert served.requests == []


def write(folder, content) -> object:
    (folder / "some.hdf5").write_bytes(content)
    return folder / "some.hdf5"


def test_a_file_with_another_sum_than_the_recorded_one_is_refused(served, tmp_path, monkeypatch):
    fetch(monkeypatch)
    before = record()
    other = write(tmp_path, small_hub.d4rl(steps=50, seed=1))
    with pytest.raises(PipelineError, match="hub.lock records .*: it was not taken"):
        fetch(monkeypatch, "--file", other)
    assert other.exists()
    original().write_bytes(other.read_bytes())
    with pytest.raises(PipelineError, match="was removed; give the same command again"):
        fetch(monkeypatch)
    assert not original().exists() and record() == before
    fetch(monkeypatch)


@pytest.mark.parametrize("change", [{"episodes": 4}, {"mean": 240.0}, {"sd": 9.0}, {"minimum": 0.0}])
@pytest.mark.parametrize("own", [True, False])
def test_another_dataset_is_refused_before_its_sum_is_recorded(served, tmp_path, monkeypatch, change, own):
    returns = d4rl.read(write(tmp_path, served.plain[PLACE]), SHORT)[0].returns
    known = runs.KnownReturns(3, float(returns.mean()), float(returns.std()), float(returns.min()))
    run = recipes.DATASETS[NAME].run

    def knowing(known) -> None:
        monkeypatch.setattr(recipes, "DATASETS", recipes.named((replace(run, known=known),)))

    knowing(replace(known, **change))
    words = ("--file", tmp_path / "some.hdf5") if own else ()
    with pytest.raises(EpisodesError, match=f"is not {NAME}: it holds 3 episodes of 50 steps.*are known"):
        fetch(monkeypatch, *words)
    assert record() == {} and not original().exists() and (tmp_path / "some.hdf5").exists()
    knowing(known)
    fetch(monkeypatch, *words)
    assert NAME in record()


def test_what_is_known_of_d4rls_medium_dataset_is_what_others_print_of_it():
    known = runs.D4RL_MEDIUM.known
    whole = episodes.Episodes(*(np.zeros((1000, 1000, *width), np.float32) for width in ((17,), (6,), ())))
    with pytest.raises(EpisodesError, match=r"where 1000 episodes of 1000 steps, returns 4770.33 ± 355.75, at least -310.23"):
        fetch_dataset.check_known(runs.D4RL_MEDIUM, "file", whole)
    returns = np.full(1000, known.mean)
    returns[0] = known.minimum  # the rest so that mean and deviation are the known ones
    returns[1:] += (known.mean - known.minimum) / 999
    spread = np.sqrt((1000 * known.sd**2 - ((returns - known.mean) ** 2).sum()) / 998)
    returns[1:999:2] += spread
    returns[2:999:2] -= spread
    whole.rewards[:, 0] = returns
    fetch_dataset.check_known(runs.D4RL_MEDIUM, "file", whole)


def test_a_connection_that_breaks_is_taken_up_where_it_broke(served, monkeypatch):
    served.fail("GET", PLACE, "truncate", 3)
    fetch(monkeypatch)
    assert len(served.requests) == 4


def test_a_download_that_its_process_did_not_survive_is_taken_up_by_the_next(served, monkeypatch):
    content, asked = served.plain[PLACE], []
    downloads.arrived(original()).parent.mkdir(parents=True)
    downloads.arrived(original()).write_bytes(content[:1000])
    downloads.tag(original()).write_text(f'"{small_hub.digest(content)[:32]}"')
    real = urllib.request.urlopen
    monkeypatch.setattr(urllib.request, "urlopen", lambda request, **more: asked.append(request) or real(request, **more))
    fetch(monkeypatch)
    assert asked[0].headers["Range"] == "bytes=1000-" and original().read_bytes() == content


@pytest.mark.parametrize("arrived", [b"another file's beginning", b"x" * 10_000_000])
@pytest.mark.parametrize("known", ['"another"', ""])
def test_the_beginning_of_another_file_is_not_taken_up(served, monkeypatch, arrived, known):
    downloads.arrived(original()).parent.mkdir(parents=True)
    downloads.arrived(original()).write_bytes(arrived)
    downloads.tag(original()).write_text(known)
    fetch(monkeypatch)
    assert original().read_bytes() == served.plain[PLACE]


def test_a_server_that_knows_no_ranges_sends_everything_anew(served, monkeypatch):
    served.ignore_ranges = True
    served.fail("GET", PLACE, "truncate", 2)
    fetch(monkeypatch)
    assert original().read_bytes() == served.plain[PLACE]


@pytest.mark.parametrize(
    ("how", "times", "said"),
    [
        (404, 1, "HTTP 404.*--file PATH"),
        (403, 1, "HTTP 403.*--file PATH"),
        (503, 9, "HTTP 503.*again later, or take a file of it that lies elsewhere with `--file PATH`"),
        (429, 9, "HTTP 429.*again later"),
    ],
)
def test_a_server_that_fails_is_one_sentence_and_the_next_try_works(served, monkeypatch, how, times, said):
    served.fail("GET", PLACE, how, times)
    with pytest.raises(DownloadError, match=said) as error:
        fetch(monkeypatch)
    assert "\n" not in str(error.value) and not original().exists() and record() == {}
    served.faults.clear()
    fetch(monkeypatch)


@pytest.mark.parametrize("status", [408, 425, 429, 503])
def test_a_server_out_of_order_for_a_moment_is_asked_again(served, monkeypatch, status):
    served.fail("GET", PLACE, status, 3)
    fetch(monkeypatch)
    assert len(served.requests) == 4


def test_each_try_that_brings_nothing_waits_twice_as_long_as_the_one_before(served, tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr(downloads, "PAUSE", 0.5)
    monkeypatch.setattr(downloads.time, "sleep", waited.append)
    served.fail("GET", PLACE, 429, 3)
    downloads.download(served.endpoint + PLACE, tmp_path / "file")
    assert waited == [1.0, 2.0, 4.0]


def test_a_disk_that_fills_while_a_file_arrives_is_named_with_it(served, tmp_path, monkeypatch):
    class Full:
        def write(self, chunk):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left") as error:
        downloads.write(Full(), b"some", tmp_path / "file")
    assert error.value.filename == str(downloads.arrived(tmp_path / "file"))


def test_a_server_that_is_down_is_named(served, tmp_path):
    with pytest.raises(
        DownloadError, match=r"http://127\.0\.0\.1:9/x cannot be had \(.*refused\): give the same command again"
    ):
        downloads.download("http://127.0.0.1:9/x", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_full_disk_keeps_what_arrived_and_the_next_try_goes_on(served, monkeypatch):
    def fail(*words):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(original()))

    with monkeypatch.context() as patch:
        patch.setattr(downloads, "append", fail)
        with pytest.raises(OSError, match="No space left"):
            fetch(monkeypatch)
    assert not original().exists() and record() == {}
    fetch(monkeypatch)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html>not found</html>", "cannot be read as HDF5"),
        (small_hub.d4rl(steps=50)[:-5000], "cannot be read as HDF5"),
        (small_hub.d4rl(steps=50, rewards=None), "no array named 'rewards'"),
        (small_hub.d4rl(steps=50, observations=np.zeros((150, 11), np.float32)), "observations has shape"),
        (small_hub.d4rl(steps=50, rewards=np.full(150, np.nan, np.float32)), "not finite, first at transition 0"),
        (small_hub.d4rl(steps=50, actions=np.full((150, 6), 1.5, np.float32)), r"actions must lie in \[-1, 1\]"),
        (small_hub.d4rl(steps=50, timeouts=np.eye(1, 150, 60, dtype=bool)[0]), "whole episodes of one length"),
    ],
)
def test_what_is_no_such_dataset_is_refused_and_not_recorded(served, monkeypatch, content, said):
    good = served.plain[PLACE]
    served.plain[PLACE] = content
    with pytest.raises(EpisodesError, match=f"{said}.*it was removed") as error:
        fetch(monkeypatch)
    assert "\n" not in str(error.value) and record() == {} and not original().exists()
    served.plain[PLACE] = good
    fetch(monkeypatch)


def test_an_unfinished_episode_at_the_end_is_left_out_and_counted(tmp_path):
    ends = np.zeros(150, bool)
    ends[[39, 79, 119]] = True
    whole, left = d4rl.read(write(tmp_path, small_hub.d4rl(steps=50, timeouts=ends)), SHORT)
    assert whole.lengths.tolist() == [40, 40, 40] and left == 30


def test_an_end_that_is_not_marked_at_the_files_end_is_one(tmp_path):
    ends = np.zeros(150, bool)
    ends[[49, 99]] = True
    whole, left = d4rl.read(write(tmp_path, small_hub.d4rl(steps=50, timeouts=ends)), SHORT)
    assert whole.rewards.shape == (3, 50) and left == 0


def test_timeouts_are_counted_from_the_last_end():
    terminals = np.array([0, 1, 0, 0, 0, 0, 0])
    assert d4rl.timeouts(terminals, 3).tolist() == [False, False, False, False, True, False, False]


def shortened(steps: int = 50, following: bool = False, **more) -> dict[str, np.ndarray]:
    """Arrays of three episodes, each without its last transition; with what each transition led to, if so wanted."""
    generator = np.random.default_rng(0)
    states = np.cumsum(generator.normal(size=(3, steps + 1, 17)), axis=1).astype(np.float32)
    states[:, 0] *= np.float32(0.1)
    flat = {"observations": states[:, : steps - 1], "next_observations": states[:, 1:steps] if following else None}
    flat |= {"actions": np.zeros((3, steps - 1, 6)), "rewards": np.zeros((3, steps - 1)), "terminals": np.zeros((3, steps - 1))}
    arrays = {name: None if array is None else array.reshape(3 * steps - 3, *array.shape[2:]) for name, array in flat.items()}
    return arrays | more


def test_episodes_that_lost_their_last_transition_are_refused_where_none_is_marked(tmp_path):
    path = write(tmp_path, small_hub.d4rl(steps=50, timeouts=False, **shortened()))
    with pytest.raises(EpisodesError, match="does not mark where episodes end, and transition 50, .* is far from a reset"):
        d4rl.read(path, SHORT)
    whole, left = d4rl.read(path, replace(SHORT, episode_steps=49))
    assert whole.rewards.shape == (3, 49) and left == 0


def test_what_a_transition_led_to_tells_of_an_end_that_is_not_marked(tmp_path):
    arrays = shortened(following=True)
    path = write(tmp_path, small_hub.d4rl(steps=50, timeouts=False, **arrays))
    with pytest.raises(EpisodesError, match="next_observations of transition 48 is not the next .*: take a file with timeouts"):
        d4rl.read(path, SHORT)
    wrong = np.zeros(147, bool)
    wrong[48::49] = True
    assert len(d4rl.read(write(tmp_path, small_hub.d4rl(timeouts=wrong, **arrays)), SHORT)[0]) == 3
    with pytest.raises(EpisodesError, match="next_observations of transition 48"):
        d4rl.read(write(tmp_path, small_hub.d4rl(timeouts=np.roll(wrong, 1), **arrays)), SHORT)
