"""The hub as a source, by its real client against a small hub on the loopback: every fault is one sentence, leaves nothing
corrupt, and does not stand in the way of the next try.
"""

import errno
import json
import os
import time

import pytest
import torch
from huggingface_hub import constants, file_download

from pipeline import files
from pipeline.hub import client, lock_hub, published
from pipeline.hub.client import HubError
from pipeline.study import runs
from tests import small_hub

DT, TT = runs.PUBLISHED_DECISION_TRANSFORMER, runs.PUBLISHED_TRAJECTORY_TRANSFORMER
WEIGHTS = "pytorch_model.bin"


@pytest.fixture(scope="module")
def repositories():
    made = small_hub.SmallHub()
    made.publish(DT.repository, small_hub.decision_transformer_files())
    made.publish(TT.repository, small_hub.trajectory_transformer_files())
    return made.repositories, made.branches


@pytest.fixture
def served(repositories, tmp_path, monkeypatch):
    """A hub, a lock that fits it, an empty cache, and a client that does not sleep between its tries."""
    commits = {name: dict(found) for name, found in repositories[0].items()}
    serving = small_hub.SmallHub(commits, dict(repositories[1])).start()
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.01)))
    monkeypatch.setattr(constants, "ENDPOINT", serving.endpoint)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", serving.endpoint + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(client, "LOCK", tmp_path / "hub.lock")
    client.LOCK.write_text(serving.lock())
    yield serving
    serving.stop()


def cached(tmp_path) -> list[str]:
    """Every file with content that the client's cache holds, by its SHA-256."""
    found = [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and not path.is_symlink()]
    return [files.sha256(path) for path in found if ".locks" not in path.parts and path.name != "CACHEDIR.TAG"]


def one_sentence(error) -> str:
    text = str(error.value)
    assert text and "\n" not in text and len(text) < 420
    return text


def assert_works(serving, tmp_path):
    """The next try has the right bytes, and the cache holds nothing else."""
    found = client.download(DT)
    commit = client.pin(DT).commit
    assert {name: path.read_bytes() for name, path in found.items()} == serving.repositories[DT.repository][commit]
    assert sorted(cached(tmp_path)) == sorted(client.pin(DT).sha256.values())


def test_files_come_at_the_commit_and_with_the_bytes_of_the_lock_and_only_once(served, tmp_path):
    assert_works(served, tmp_path)
    served.requests.clear()
    assert_works(served, tmp_path)
    assert served.requests == []


def test_the_lock_in_the_repository_can_be_read():
    lock = client.read_lock(files.ROOT / "hub.lock")
    assert lock.keys() == {"checkpoints", "datasets"}


def test_an_empty_lock_says_what_to_run_and_nothing_is_asked(served):
    client.LOCK.write_text('{"checkpoints": {}, "datasets": {}}')
    with pytest.raises(HubError, match="`make lock-hub`.*commit hub.lock") as error:
        client.download(DT)
    assert DT.repository in one_sentence(error) and served.requests == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"checkpoints": {}}',
        '{"checkpoints": [], "datasets": {}}',
        '{"checkpoints": {}, "datasets": {"x": 3}}',
        "\x00",
    ],
)
def test_a_lock_that_is_none_is_named(served, text):
    client.LOCK.write_text(text)
    with pytest.raises(HubError, match="git checkout") as error:
        client.download(DT)
    assert "hub.lock" in one_sentence(error)


@pytest.mark.parametrize(
    "entry", [{}, [], None, {"commit": "main", "sha256": {}}, {"commit": "a" * 40, "sha256": {"config.json": "b" * 64}}]
)
def test_a_lock_without_a_commit_or_a_sum_is_refused(served, entry):
    client.LOCK.write_text(json.dumps({"checkpoints": {DT.repository: entry}, "datasets": {}}))
    with pytest.raises(HubError, match="lock-hub"):
        client.download(DT)


def test_a_hub_that_is_down_is_named_and_works_when_it_is_up(served, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}")
        with pytest.raises(HubError, match="http://127.0.0.1:9 cannot be reached") as error:
            client.download(DT)
        one_sentence(error)
    assert cached(tmp_path) == []
    assert_works(served, tmp_path)


@pytest.mark.parametrize(
    ("method", "part", "status", "times", "said"),
    [
        ("HEAD", WEIGHTS, 404, 1, "no such file .HTTP 404"),
        ("HEAD", WEIGHTS, 403, 1, "to the public .HTTP 403"),
        ("HEAD", "config.json", 503, 9, "out of order .HTTP 503"),
        ("GET", "/cdn/", 404, 1, "no such file .HTTP 404"),
        ("GET", "/cdn/", 403, 1, "to the public .HTTP 403"),
        ("GET", "/cdn/", 503, 1, "out of order .HTTP 503"),
    ],
)
def test_a_status_of_the_hub_is_one_sentence_and_the_next_try_works(served, tmp_path, method, part, status, times, said):
    served.fail(method, part, status, times)
    with pytest.raises(HubError, match=said) as error:
        client.download(DT)
    assert DT.repository in one_sentence(error)
    served.faults.clear()
    assert_works(served, tmp_path)


def test_a_hub_out_of_order_for_a_moment_is_asked_again_by_the_client(served, tmp_path):
    served.fail("HEAD", "config.json", 503, 2)
    assert_works(served, tmp_path)


def test_a_repository_that_is_not_there_is_said_not_to_be_public(served):
    del served.repositories[DT.repository]
    with pytest.raises(HubError, match="to the public .HTTP 401"):
        client.download(DT)


def test_a_connection_that_breaks_is_taken_up_where_it_broke(served, tmp_path):
    served.fail("GET", "/cdn/", "truncate", 2)
    assert_works(served, tmp_path)
    size = len(served.repositories[DT.repository][client.pin(DT).commit][WEIGHTS])
    begun = [int(wanted.removeprefix("bytes=").split("-")[0]) for wanted in served.ranges[1:] if wanted]
    assert len(begun) >= 2 and begun == sorted(begun) and size // 4 < begun[-2] < begun[-1] < size


def test_a_file_that_comes_short_is_thrown_away(served, tmp_path):
    served.fail("GET", "/cdn/", "short")
    with pytest.raises(HubError, match="came incomplete; give the same command again") as error:
        client.download(DT)
    one_sentence(error)
    assert cached(tmp_path) == [client.pin(DT).sha256["config.json"]]
    assert_works(served, tmp_path)


@pytest.mark.parametrize("part", ["/cdn/", "config.json"])
def test_bytes_with_another_sum_are_removed_from_the_cache(served, tmp_path, part):
    served.fail("GET", part, "corrupt")
    with pytest.raises(HubError, match="removed from the cache: give the same command again") as error:
        client.download(DT)
    one_sentence(error)
    assert set(cached(tmp_path)) <= set(client.pin(DT).sha256.values())
    assert_works(served, tmp_path)


def test_bytes_altered_in_the_cache_are_noticed_and_fetched_again(served, tmp_path):
    assert_works(served, tmp_path)
    path = client.download(DT)[WEIGHTS].resolve()
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(HubError, match="removed from the cache"):
        client.download(DT)
    assert_works(served, tmp_path)


def test_a_branch_that_moved_changes_nothing(served, tmp_path):
    served.publish(DT.repository, small_hub.decision_transformer_files(seed=7))
    assert client.pin(DT).commit != served.branches[DT.repository]
    assert_works(served, tmp_path)


def test_a_commit_that_is_gone_says_so_and_how_to_record_the_new_one(served, tmp_path):
    commits = served.repositories[DT.repository]
    commits.clear()
    served.publish(DT.repository, small_hub.decision_transformer_files(seed=7))
    with pytest.raises(HubError, match="no longer has this commit.*make lock-hub") as error:
        client.download(DT)
    one_sentence(error)
    assert cached(tmp_path) == []
    client.LOCK.write_text(served.lock())
    assert_works(served, tmp_path)


def test_another_commit_in_place_of_the_one_asked_for_is_refused(served, tmp_path):
    served.fail("HEAD", "config.json", "another commit")
    with pytest.raises(HubError, match="answered with commit ffffffffffff"):
        client.download(DT)
    assert_works(served, tmp_path)


@pytest.mark.parametrize("place", ["file/hub", "file"])
def test_a_cache_that_cannot_be_used_is_named_with_the_setting(served, tmp_path, monkeypatch, place):
    (tmp_path / "file").touch()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / place))
    with pytest.raises(HubError, match="hub client's folder cannot be used .*set HF_HOME to one that can") as error:
        client.download(DT)
    one_sentence(error)


def test_a_wrong_sum_is_said_where_the_file_cannot_be_removed_too(served, tmp_path, monkeypatch):
    lock = json.loads(client.LOCK.read_text(encoding="utf-8"))
    lock["checkpoints"][DT.repository]["sha256"][WEIGHTS] = "a" * 64
    client.LOCK.write_text(json.dumps(lock))
    monkeypatch.setattr(client, "discard", lambda path: False)
    with pytest.raises(HubError, match="has sha256 .* where hub.lock records .*, and cannot be removed from .*cache") as error:
        client.download(DT)
    one_sentence(error)


def test_what_cannot_be_removed_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").mkdir()  # unlink of a folder fails for root too
    assert client.discard(tmp_path / "file") is False and client.discard(tmp_path / "nothing") is True


def test_a_dead_proxy_is_named_without_its_password(monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    error = type("ConnectError", (Exception,), {})("refused")
    assert "cannot be reached (refused)" in client.reason(error, "a")
    monkeypatch.setenv("https_proxy", "http://user:secret@127.0.0.1:9")
    said = client.reason(error, "a")
    assert "through the proxy that https_proxy names (refused)" in said and "secret" not in said


def test_a_full_disk_is_named_and_leaves_nothing(served, tmp_path, monkeypatch):
    def fail(url, file, **options):
        file.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(file_download, "http_get", fail)
        with pytest.raises(HubError, match="no room is left in .*cache") as error:
            client.download(DT)
        one_sentence(error)
    assert cached(tmp_path) == []
    assert_works(served, tmp_path)


def test_offline_with_a_filled_cache_works_without_a_packet(served, tmp_path, monkeypatch):
    assert_works(served, tmp_path)
    served.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert_works(served, tmp_path)
    assert served.requests == []


def test_offline_with_an_empty_cache_names_the_command_that_fills_it(served, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="HF_HUB_OFFLINE is set.*`python -m pipeline make fetched/hub_dt_halfcheetah`") as e:
        client.download(DT)
    one_sentence(e)
    assert served.requests == []


class Malice:
    """Unpickled as any object, it would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_that_would_run_code_is_refused_and_its_code_does_not_run(served, tmp_path):
    proof = tmp_path / "it ran"
    weights = small_hub.pickled({"encoder.wte.weight": torch.zeros(1), "more": Malice(proof)})
    content = {**small_hub.decision_transformer_files(), WEIGHTS: weights}
    served.publish(DT.repository, content)
    client.LOCK.write_text(served.lock())
    with pytest.raises(HubError, match="was refused: .*none of it was run") as error:
        published.read(DT, client.download(DT))
    one_sentence(error)
    assert not proof.exists()
    torch.load(client.download(DT)[WEIGHTS], weights_only=False)["more"].close()
    assert proof.exists(), "the pickle does what it threatens, where it is let"


def test_a_pickle_that_would_run_code_is_never_recorded(served, tmp_path):
    proof, before = tmp_path / "it ran", client.LOCK.read_text(encoding="utf-8")
    served.publish(DT.repository, {**small_hub.decision_transformer_files(), WEIGHTS: small_hub.pickled({"x": Malice(proof)})})
    with pytest.raises(HubError, match="was refused"):
        lock_hub.resolve(DT)
    assert not proof.exists() and client.LOCK.read_text(encoding="utf-8") == before and cached(tmp_path) == []


def lock_all(monkeypatch, capsys) -> str:
    lock_hub.main()
    return capsys.readouterr().out


def test_locking_records_commits_and_sums_and_names_what_moved(served, tmp_path, monkeypatch, capsys):
    client.LOCK.write_text('{"checkpoints": {}, "datasets": {"kept": {"sha256": "0"}}}')
    assert lock_all(monkeypatch, capsys).count("recorded, ") == 2
    lock = client.read_lock()
    assert lock == {**json.loads(served.lock()), "datasets": {"kept": {"sha256": "0"}}}
    client.download(DT)
    old = served.branches[TT.repository]
    new = served.publish(TT.repository, small_hub.trajectory_transformer_files(seed=3))
    said = lock_all(monkeypatch, capsys)
    assert f"{DT.repository}: unchanged" in said and f"{TT.repository}: moved, {old} → {new}" in said
    assert client.read_lock()["checkpoints"][TT.repository] == served.entry(TT.repository)


@pytest.mark.parametrize("status", [401, 503])
def test_locking_that_fails_leaves_the_lock_as_it_was(served, monkeypatch, capsys, status):
    before = client.LOCK.read_text(encoding="utf-8")
    served.fail("GET", f"/api/models/{TT.repository}", status, 9)
    with pytest.raises(HubError, match=f"cannot be looked up: .*HTTP {status}"):
        lock_all(monkeypatch, capsys)
    assert client.LOCK.read_text(encoding="utf-8") == before


def test_locking_notices_bytes_that_are_not_what_the_hub_says(served, tmp_path):
    served.fail("GET", "/cdn/", "corrupt")
    with pytest.raises(HubError, match="not what the hub says"):
        lock_hub.resolve(DT)
    lock_hub.resolve(DT)
    assert_works(served, tmp_path)
