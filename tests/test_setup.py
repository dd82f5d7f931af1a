"""Set-up: without a network it fails in one sentence, and nothing half installed passes for installed."""

import os
import re
import shutil
import subprocess

import pytest

from pipeline import files


def make(folder, target: str, **environment: str) -> subprocess.CompletedProcess:
    """`make <target>` in a copy of what set-up reads, where no package index can be reached."""
    for name in ("Makefile", "requirements.lock", "package.json", "package-lock.json", ".npmrc"):
        shutil.copy(files.ROOT / name, folder)
    closed = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder / "nothing"),
        "NPM_CONFIG_REGISTRY": "http://127.0.0.1:9/",
        "NPM_CONFIG_CACHE": str(folder / "cache"),
        "NPM_CONFIG_FETCH_RETRIES": "0",
    }
    return subprocess.run(
        ["make", target], cwd=folder, env={**os.environ, **closed, **environment}, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("target", "what"), [(".venv/installed", "the Python packages"), ("node_modules/installed", "the npm packages")]
)
def test_without_a_network_set_up_says_so_and_leaves_nothing_that_passes_for_installed(tmp_path, target, what):
    done = make(tmp_path, target)
    assert done.returncode != 0
    assert f"error: {what} could not be installed; give the same command again once" in done.stderr
    assert not (tmp_path / target).exists()


def test_a_checkout_has_the_same_bytes_where_git_is_told_to_rewrite_line_ends(tmp_path):
    shutil.copy(files.ROOT / ".gitattributes", tmp_path)
    contents = {"some.py": b"a = 1\nb = 2\n", "some.png": b"\x89PNG\r\n\x1a\n", "some.safetensors": b"{}\r\ntext"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    git = ["git", "-C", str(tmp_path), "-c", "core.autocrlf=true", "-c", "core.safecrlf=false"]
    for words in (["init", "-q"], ["add", "."]):
        subprocess.run([*git, *words], check=True)
    for name in contents:
        (tmp_path / name).unlink()
    subprocess.run([*git, "checkout-index", "--all", "--force"], check=True)
    assert {name: (tmp_path / name).read_bytes() for name in contents} == contents


def test_lock_files_hold_exact_versions_and_no_addresses_to_download_from():
    requirements = (files.ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [line for line in requirements if not line.startswith("#")]
    assert "torch==2.13.0" in pins
    assert all(re.fullmatch(r"[\w.\-]+==[\w.]+", pin) for pin in pins)
    assert '"resolved"' not in (files.ROOT / "package-lock.json").read_text(encoding="utf-8")
