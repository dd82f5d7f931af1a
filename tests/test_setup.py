"""Set-up: without a network it fails in one sentence, and nothing half installed passes for installed."""

import os
import re
import shutil
import subprocess

import pytest

from pipeline import files
from tests.toy import without_privilege


def make(folder, target: str, preexec_fn=None, **environment: str) -> subprocess.CompletedProcess:
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
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # of `make test`
    options = {"env": {**surroundings, **closed, **environment}, "preexec_fn": preexec_fn}
    return subprocess.run([shutil.which("make"), target], cwd=folder, capture_output=True, text=True, **options)


@pytest.mark.parametrize(
    ("target", "what"), [(".venv/installed", "the Python packages"), ("node_modules/installed", "the npm packages")]
)
def test_without_a_network_set_up_says_so_and_leaves_nothing_that_passes_for_installed(tmp_path, target, what):
    done = make(tmp_path, target)
    assert done.returncode != 0
    assert f"error: {what} could not be installed; give the same command again once" in done.stderr
    assert not (tmp_path / target).exists()


def test_a_checkout_that_cannot_be_written_is_named_before_anything_is_set_up(tmp_path):
    make(tmp_path, "clean")  # which puts the files there
    tmp_path.chmod(0o555)
    try:
        done = make(tmp_path, "site", preexec_fn=without_privilege)
    finally:
        tmp_path.chmod(0o755)
    assert done.returncode != 0 and done.stdout == ""
    assert done.stderr.startswith(f"error: {tmp_path} cannot be written") and "copy it to where you may write" in done.stderr


PROGRAMS = ("bash", "sh", "touch", "mkdir", "rm", "cat", "test", "grep", "sleep", "id", "chmod", "ldconfig", "env", "dirname")


def stand_ins(folder, **scripts: str) -> str:
    """A folder of programs: the system's own that set-up calls, and scripts in the place of others; as a PATH."""
    place = folder / "programs"
    place.mkdir()
    for name in set(PROGRAMS) - set(scripts):
        if found := shutil.which(name, path="/usr/bin:/bin:/usr/sbin:/sbin"):
            (place / name).write_text(f'#!/bin/bash\nexec {found} "$@"\n')  # no link: scripts below write to these names
            (place / name).chmod(0o755)
    for name, script in {**dict.fromkeys(("jekyll", "bundle", "node", "chromium", "cc", "npm"), ""), **scripts}.items():
        (place / name).write_text(f"#!/bin/bash\n{script}\n")
        (place / name).chmod(0o755)
    return str(place)


MAKE_ENVIRONMENT = """
[ "$1" = -c ] && exit 0
echo "venv $*" >> {log}
rm -rf .venv
mkdir -p .venv/bin
printf '#!/bin/bash\\necho "new $*" >> {log}\\n' > .venv/bin/python
chmod +x .venv/bin/python
"""


@pytest.mark.parametrize("python", ["gone", "sound"])
def test_an_environment_whose_python_is_gone_is_made_anew(tmp_path, python):
    log, environment = tmp_path / "log", tmp_path / ".venv"
    (environment / "bin").mkdir(parents=True)
    for installed in (environment / "installed", tmp_path / "node_modules" / "installed"):
        installed.parent.mkdir(exist_ok=True)
        installed.touch()
        os.utime(installed, (2**32, 2**32))  # later than what it is made from
    if python == "gone":
        (environment / "bin" / "python").symlink_to(tmp_path / "gone" / "python3.99")
        (environment / "bin" / "pip").write_text("#!/old/place/python\n")
    else:
        (environment / "bin" / "python").write_text("#!/bin/bash\n")
        (environment / "bin" / "python").chmod(0o755)
    places = stand_ins(tmp_path, python3=MAKE_ENVIRONMENT.format(log=log), ldconfig="echo libOSMesa")
    done = make(tmp_path, "setup", PATH=places)
    assert done.returncode == 0, done.stderr
    said = log.read_text(encoding="utf-8") if log.exists() else ""
    wanted = (
        "venv -m venv --clear .venv\nnew -m pip install --quiet --disable-pip-version-check --requirement requirements.lock\n"
    )
    assert said == (wanted if python == "gone" else "")


def test_set_up_goes_in_order_whatever_make_is_told(tmp_path):
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").write_text("#!/bin/bash\n")
    (tmp_path / ".venv" / "bin" / "python").chmod(0o755)
    (tmp_path / ".venv" / "installed").touch()
    os.utime(tmp_path / ".venv" / "installed", (2**32, 2**32))
    places = tmp_path / "programs"
    bring_npm = f"[ $1 = update ] || {{ printf '#!/bin/bash\\nmkdir -p node_modules' > {places}/npm; chmod +x {places}/npm; }}"
    stand_ins(tmp_path, **{"ldconfig": "echo libOSMesa", "python3": "", "id": "echo 0", "apt-get": bring_npm})
    (places / "npm").unlink()
    done = make(tmp_path, "setup", PATH=str(places), MAKEFLAGS="-j4")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "node_modules" / "installed").exists()


def test_packages_of_npm_run_no_scripts_when_they_are_installed():
    assert "ignore-scripts=true" in (files.ROOT / ".npmrc").read_text(encoding="utf-8").splitlines()


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
