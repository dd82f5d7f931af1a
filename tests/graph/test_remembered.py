"""What doit remembers: recalled in the very state that was judged, and in no other."""

import os
from pathlib import Path

import pytest

import pipeline
from pipeline import files
from pipeline.evidence import fingerprints
from pipeline.graph import remembered

SAID = ["a training was made by other code"]


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A checkout of two files, one of them code, of which it is remembered that everything was up to date."""
    monkeypatch.setattr(files, "ROOT", tmp_path)
    monkeypatch.setattr(remembered, "KEPT", tmp_path / "build" / "up_to_date.json")
    for name in ("pipeline/module.py", "results/kind/one.json"):
        files.write_text(tmp_path / name, name)
    monkeypatch.setattr(pipeline, "SOURCE", pipeline.source_sums([tmp_path / "pipeline" / "module.py"]))
    remembered.keep("local", remembered.look("local", pipeline.SOURCE), SAID)
    return tmp_path


def recalled(source: str = "local") -> list[str] | None:
    """What a process that begins now recalls."""
    code = pipeline.source_sums(path for path in pipeline.SOURCE if path.exists())
    return remembered.recall(remembered.look(source, code))


def test_what_was_said_is_recalled_as_long_as_no_byte_differs(root):
    assert recalled() == SAID
    os.utime(root / "results/kind/one.json")
    files.write_text(root / "build/work", "and what is being made")
    files.write_text(root / ".hidden", "and what is hidden")
    assert recalled() == SAID


@pytest.mark.parametrize("name", ["pipeline/module.py", "results/kind/one.json", "results/kind/new.json", "numpy/__init__.py"])
def test_a_byte_written_anywhere_has_all_judged_anew_until_it_is_written_back(root, name):
    before = (root / name).read_text(encoding="utf-8") if (root / name).exists() else None
    files.write_text(root / name, "pipeline/Module.py")
    assert recalled() is None
    if before is None:
        (root / name).unlink()
    else:
        files.write_text(root / name, before)
    assert recalled() == SAID


def test_a_file_removed_another_source_and_another_package_have_all_judged_anew(root, tmp_path_factory, monkeypatch):
    assert recalled("hub") is None
    monkeypatch.syspath_prepend(tmp_path_factory.mktemp("site"))
    assert recalled() == SAID
    package = tmp_path_factory.mktemp("other")
    (package / "numpy-9.9.dist-info").mkdir()
    with monkeypatch.context() as patched:
        patched.syspath_prepend(package)
        assert recalled() is None
    (root / "results/kind/one.json").unlink()
    assert recalled() is None


def test_what_lies_behind_a_link_counts(root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    files.write_text(elsewhere / "model.safetensors", "one")
    (root / "checkpoints").symlink_to(elsewhere)
    remembered.keep("local", remembered.look("local", pipeline.SOURCE), [])
    assert recalled() == []
    files.write_text(elsewhere / "model.safetensors", "two")
    assert recalled() is None


@pytest.mark.parametrize("damaged", ["", "{", "[]", "null", '{"said": []}', '{"state": 1, "said": []}', "[" * 100_000, b"\xff"])
def test_a_damaged_memory_is_no_memory(root, damaged):
    remembered.KEPT.write_bytes(damaged if isinstance(damaged, bytes) else damaged.encode())
    assert recalled() is None


def test_nothing_is_remembered_where_a_file_was_written_meanwhile(root):
    remembered.KEPT.unlink()
    seen = remembered.look("local", pipeline.SOURCE)
    path = root / "results/kind/one.json"
    files.write_text(path, path.read_text(encoding="utf-8"))  # the same bytes, but what was there in between nobody knows
    remembered.keep("local", seen, SAID)
    assert not remembered.KEPT.exists()


def test_nothing_is_remembered_by_a_process_whose_code_was_edited(root):
    remembered.KEPT.unlink()
    files.write_text(root / "pipeline/module.py", "edited since it was imported")
    remembered.keep("local", remembered.look("local", pipeline.SOURCE), SAID)
    assert not remembered.KEPT.exists()


def test_where_a_file_cannot_be_read_nothing_is_recalled_nor_remembered(root, monkeypatch):
    def fail(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(fingerprints, "file_sum", fail)
    assert recalled() is None
    remembered.KEPT.unlink()
    remembered.keep("local", remembered.look("local", pipeline.SOURCE), SAID)
    assert not remembered.KEPT.exists()
