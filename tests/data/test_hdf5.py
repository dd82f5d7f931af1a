"""HDF5 files that would have their reader open other files, or fill its memory, are refused in one sentence."""

import errno
import os
import tracemalloc
from dataclasses import replace

import h5py
import numpy as np
import pytest

from pipeline import PipelineError, files
from pipeline.data import d4rl, demonstrations, episodes, hdf5, minari_files
from pipeline.worlds.world import HALFCHEETAH
from tests import small_hub

STEPS = 20
SHORT = replace(HALFCHEETAH, episode_steps=STEPS)


def d4rl_file(folder):
    path = folder / "data.hdf5"
    path.write_bytes(small_hub.d4rl(steps=STEPS))
    return path, "rewards"


def minari_file(folder):
    return small_hub.minari(folder, steps=STEPS), "episode_2/rewards"


def demonstrations_file(folder):
    path, count = folder / "data.hdf5", 3
    widths = {**demonstrations.SHAPES, **dict.fromkeys(("actions", "rewards", "terminals", "timeouts"), ())}
    with h5py.File(path, "w") as file:
        file.attrs["level"] = "go_to_local_s7n5"
        for name, width in widths.items():
            file[name] = np.ones((count, *width), np.uint8)
    return path, "rewards"


READERS = {
    "episodes": (d4rl_file, lambda path: episodes.read(path, SHORT)),
    "d4rl": (d4rl_file, lambda path: d4rl.read(path, SHORT)),
    "minari": (minari_file, lambda path: minari_files.read(path, SHORT)),
    "demonstrations": (demonstrations_file, lambda path: demonstrations.read(path, "go_to_local_s7n5")),
}


def external_storage(file, name, array, secret):
    file.create_dataset(name, array.shape, array.dtype, external=[(str(secret), 0, array.nbytes)])


def external_link(file, name, array, secret):
    with h5py.File(secret.with_suffix(".hdf5"), "w") as other:
        other["array"] = array
    file[name] = h5py.ExternalLink(str(secret.with_suffix(".hdf5")), "array")


def soft_link(file, name, array, secret):
    file["elsewhere"] = array
    file[name] = h5py.SoftLink("/elsewhere")


def virtual_dataset(file, name, array, secret):
    with h5py.File(secret.with_suffix(".hdf5"), "w") as other:
        other["array"] = array
    layout = h5py.VirtualLayout(array.shape, array.dtype)
    layout[:] = h5py.VirtualSource(str(secret.with_suffix(".hdf5")), "array", array.shape)
    file.create_virtual_dataset(name, layout)


@pytest.mark.parametrize("trick", [external_storage, external_link, soft_link, virtual_dataset])
@pytest.mark.parametrize("reader", READERS)
def test_an_array_that_lies_in_another_place_is_refused(tmp_path, reader, trick):
    make, read = READERS[reader]
    path, name = make(tmp_path)
    (tmp_path / "secret").write_bytes(b"root:x:0:0:" * 1000)
    with h5py.File(path, "r+") as file:
        array = file[name][()]
        del file[name]
        trick(file, name, array, tmp_path / "secret")
    with pytest.raises(PipelineError, match="only what lies here is read") as error:
        read(path)
    assert "\n" not in str(error.value) and str(path) in str(error.value)


def test_a_group_that_is_a_link_is_refused(tmp_path):
    path = small_hub.minari(tmp_path, steps=STEPS)
    with h5py.File(path, "r+") as file:
        file["episode_3"] = h5py.ExternalLink(str(path), "episode_0")
    with pytest.raises(PipelineError, match="episode_3 is a link to another place"):
        minari_files.read(path, SHORT)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("written", [False, True])
def test_an_array_that_claims_more_than_its_file_can_mean_is_refused_unread(tmp_path, reader, written):
    make, read = READERS[reader]
    path, name = make(tmp_path)
    count, group = 10**7, name.rpartition("/")[0]
    with h5py.File(path, "r+") as file:
        folder = file[group] if group else file
        for each, array in list(folder.items()):
            if isinstance(array, h5py.Dataset) and len(array.shape):
                shape, dtype = (count + ("episode" in group and each == "observations"), *array.shape[1:]), array.dtype
                del folder[each]
                folder.create_dataset(each, shape, dtype, chunks=(2**20, *shape[1:]), compression="gzip")
        if written:
            file[name][: 2**22] = 0
    tracemalloc.start()
    with pytest.raises(PipelineError, match="claims .* bytes, more than this file can mean"):
        read(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert path.stat().st_size < 200_000 and most < 2 * hdf5.SMALL


@pytest.mark.parametrize("reader", ["episodes", "d4rl", "minari"])
def test_a_number_that_single_precision_cannot_hold_is_refused(tmp_path, reader):
    make, read = READERS[reader]
    path, name = make(tmp_path)
    with h5py.File(path, "r+") as file:
        array = file[name][()].astype(float)
        del file[name]
        array[3] = 1e300
        file[name] = array
    with pytest.raises(PipelineError, match="not finite, first at transition"):
        read(path)


@pytest.mark.parametrize("reader", ["episodes", "d4rl", "minari"])
@pytest.mark.parametrize("value", [np.nan, 0.5, -1])
def test_an_end_that_is_neither_marked_nor_not_is_refused(tmp_path, reader, value):
    make, read = READERS[reader]
    path, name = make(tmp_path)
    name = name.replace("rewards", "truncations" if reader == "minari" else "timeouts")
    with h5py.File(path, "r+") as file:
        array = file[name][()].astype(float)
        del file[name]
        array[3] = value
        file[name] = array
    with pytest.raises(PipelineError, match=f"holds {value}.*not 0 or 1, first at transition 3"):
        read(path)


def test_a_compression_that_hdf5_does_not_bring_along_is_named_with_the_cure(tmp_path, monkeypatch):
    path, _ = d4rl_file(tmp_path)
    with h5py.File(path, "r+") as file:
        array = file["rewards"][()]
        del file["rewards"]
        file.create_dataset("rewards", data=array, compression="gzip")
    episodes.read(path, SHORT)
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda number: False)
    with pytest.raises(PipelineError, match="rewards is compressed by deflate, which HDF5 does not bring along.*h5repack"):
        episodes.read(path, SHORT)


def test_a_file_system_without_locks_is_read(tmp_path, monkeypatch):
    path, _ = d4rl_file(tmp_path)
    asked, real = [], h5py.File
    monkeypatch.setattr(h5py, "File", lambda *words, **options: asked.append(options) or real(*words, **options))
    episodes.read(path, SHORT)
    assert asked == [{"locking": False}]


def test_what_the_system_says_is_no_damage(tmp_path, monkeypatch):
    def fail(*words, **options):
        raise BlockingIOError(errno.EAGAIN, "Unable to open file (unable to lock file)")

    path, _ = d4rl_file(tmp_path)
    monkeypatch.setattr(h5py, "File", fail)
    with pytest.raises(BlockingIOError) as error:
        episodes.read(path, SHORT)
    assert error.value.filename == str(path)


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PipelineError, match="pipe is no file"):
        episodes.read(tmp_path / "pipe", SHORT)
    with pytest.raises(PipelineError, match="is no file"):
        episodes.read(tmp_path, SHORT)


def test_hdf5_is_opened_for_reading_in_one_place_alone():
    found = [
        path.name
        for path in (files.ROOT / "pipeline").rglob("*.py")
        if 'h5py.File(path, "r"' in path.read_text(encoding="utf-8")
    ]
    assert found == ["hdf5.py"]
