"""Set-up: without a network it fails in one sentence, and nothing half installed passes for installed."""

import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import locks
from pipeline import files
from tests.toy import without_privilege

LOCKS = ("requirements.lock", "requirements-cpu.lock", "requirements-cuda.lock", "requirements-tools.lock")


def make(folder, target: str, preexec_fn=None, **environment: str) -> subprocess.CompletedProcess:
    """`make <target>` in a copy of what set-up reads, where no package index can be reached."""
    for name in ("Makefile", *LOCKS, "package.json", "package-lock.json", ".npmrc"):
        shutil.copy(files.ROOT / name, folder)
    closed = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_FIND_LINKS": str(folder / "nothing"),
        "PIP_RETRIES": "1",  # the first failure of which is told
        "NPM_CONFIG_REGISTRY": "http://127.0.0.1:9/",
        "NPM_CONFIG_CACHE": str(folder / "cache"),
        "NPM_CONFIG_FETCH_RETRIES": "0",
    }
    unset = ("MAKE", "MFLAGS", "PYTHON3", "LC_")  # of `make test`, and of whoever runs it
    surroundings = {
        name: value for name, value in os.environ.items() if not name.startswith(unset) and "proxy" not in name.lower()
    }
    options = {"env": {**surroundings, **closed, **environment}, "preexec_fn": preexec_fn, "encoding": "utf-8"}
    return subprocess.run([shutil.which("make"), target], cwd=folder, capture_output=True, **options)


def script(path, text: str) -> None:
    """A program of the shell's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # it might be a link
    path.write_text(f"#!/bin/bash\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("target", "what", "place"),
    [
        (".venv/installed", "the Python packages", "the package index"),
        ("node_modules/installed", "the npm packages", "the registry"),
    ],
)
def test_without_a_network_set_up_says_so_and_leaves_nothing_that_passes_for_installed(tmp_path, target, what, place):
    script(tmp_path / ".venv" / "bin" / "python", f'exec "{sys.executable}" "$@"')  # whose pip is asked
    (tmp_path / ".venv" / "installed").touch()
    os.utime(tmp_path / ".venv" / "installed", (0, 0))  # older than the lock files
    done = make(tmp_path, target, PIP_TARGET=str(tmp_path / "elsewhere"), PIP_IGNORE_INSTALLED="1")
    assert done.returncode != 0
    sentence = f"error: {what} could not be installed: give the same command again once {place} can be reached\n"
    assert sentence in done.stderr
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


PROGRAMS = (
    "bash",
    "sh",
    "touch",
    "mkdir",
    "rm",
    "cat",
    "test",
    "grep",
    "sleep",
    "id",
    "uname",
    "chmod",
    "ldconfig",
    "env",
    "dirname",
)
PRESENT = ("jekyll", "bundle", "node", "npm")  # what the page alone needs


def stand_ins(folder, without: tuple[str, ...] = (), **scripts: str) -> str:
    """A folder of programs: the system's own that set-up calls, and scripts in the place of others; as a PATH."""
    place = folder / "programs"
    for name in set(PROGRAMS) - set(scripts) - set(without):
        if found := shutil.which(name, path="/usr/bin:/bin:/usr/sbin:/sbin"):
            script(place / name, f'exec {found} "$@"')  # no link: scripts below write to these names
    for name, text in {**dict.fromkeys((*PRESENT, "chromium", "cc", "python3"), ""), **scripts}.items():
        if name not in without:
            script(place / name, text)
    return str(place)


def installed(folder, *targets: str) -> None:
    """Marks of a finished set-up, later than all that they are made from."""
    for target in targets or (".venv/installed", "node_modules/installed"):
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        (folder / target).touch()
        os.utime(folder / target, (2**32, 2**32))


# A Python that makes environments whose Python notes what it is asked for, both in `log`.
MAKE_ENVIRONMENT = """
[ "$1" = -c ] && exit 0
echo "venv $*" >> log
rm -rf .venv
mkdir -p .venv/bin
printf '#!/bin/bash\\necho "new $*" >> log\\n' > .venv/bin/python
chmod +x .venv/bin/python
"""
PIP = "new -m pip --disable-pip-version-check"
INSTALL = f"{PIP} install --quiet --no-deps --require-hashes --requirement"
MADE_ANEW = [
    "venv -m venv --clear .venv",
    f"{INSTALL} requirements-cpu.lock",
    f"{INSTALL} requirements.lock",
    f"{PIP} check",
]


def log(folder) -> list[str]:
    """What the stand-ins noted."""
    path = folder / "log"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.mark.parametrize("environment", ["gone", "too old", "half-finished", "sound"])
def test_an_environment_that_does_not_serve_is_made_anew(tmp_path, environment):
    installed(tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    if environment == "gone":
        python.parent.mkdir()
        python.symlink_to(tmp_path / "gone" / "python3.99")
        (python.parent / "pip").write_text("#!/old/place/python\n")
    else:
        script(python, "exit 1" if environment == "too old" else 'echo "old $*" >> log')
    if environment == "half-finished":
        (tmp_path / ".venv" / "installed").unlink()
    done = make(tmp_path, "setup", PATH=stand_ins(tmp_path, python3=MAKE_ENVIRONMENT))
    assert done.returncode == 0, done.stderr
    assert [line for line in log(tmp_path) if not line.startswith("old -c")] == ([] if environment == "sound" else MADE_ANEW)


def test_a_folder_and_a_system_of_any_letters_are_set_up_alike(tmp_path):
    folder = tmp_path / 'it\'s "x[1]" {a,b} $HOME `id` é'
    folder.mkdir()
    places = stand_ins(folder, python3=MAKE_ENVIRONMENT, npm="mkdir -p node_modules")
    done = make(folder, "setup", PATH=places, LC_ALL="C", LANG="C")
    assert done.returncode == 0, done.stderr
    assert log(folder) == MADE_ANEW and (folder / "node_modules" / "installed").exists()


def test_gems_that_are_missing_go_into_the_checkout_unless_root_asks_and_a_network_that_is_missing_is_named(tmp_path):
    installed(tmp_path)
    script(tmp_path / ".venv" / "bin" / "python", "")
    bundle = (
        '[ "$1" != check ] || exit 1; echo "bundle $*" >> log; [ "$1" != install ] || { echo Could not reach host; exit 1; }'
    )
    done = make(tmp_path, "setup", PATH=stand_ins(tmp_path, bundle=bundle, id="echo 1000"))
    assert "error: the gems could not be installed: give the same command again once RubyGems can be reached\n" in done.stderr
    assert log(tmp_path) == ["bundle config set --local path vendor/bundle", "bundle install"]


def test_where_pip_finds_no_build_of_torch_for_cpus_it_takes_pypis(tmp_path):
    fails = MAKE_ENVIRONMENT.replace(
        "\\necho", '\\n[[ "$*" != *-cpu.lock ]] || { echo No matching distribution found; exit 1; }\\necho'
    )
    installed(tmp_path, "node_modules/installed")
    done = make(tmp_path, "setup", PATH=stand_ins(tmp_path, python3=fails))
    assert done.returncode == 0, done.stderr
    assert "installing PyPI's, of gigabytes on Linux" in done.stdout
    assert log(tmp_path) == [line.replace("-cpu", "-cuda") for line in MADE_ANEW]


@pytest.mark.parametrize(
    ("said", "environment", "sentence"),
    [
        ("Retrying after connection broken by X", {}, "give the same command again once the package index can be reached"),
        (
            "Retrying after connection broken by ProxyError",
            {"https_proxy": "http://user:secret@127.0.0.1:9"},
            "once the package index can be reached (asked through the proxy that https_proxy names)",
        ),
        (
            "THESE PACKAGES DO NOT MATCH THE HASHES",
            {},
            "gave a file with other bytes than the lock file names, and it was refused",
        ),
        ("OSError: [Errno 28] No space left on device", {}, "the disk is full"),
        ("OSError: [Errno 13] Permission denied: '/x'", {}, "a place named above cannot be written"),
        ("No matching distribution found for torch", {}, "has no such file for Python 3.99"),
        ("a fault that nobody foresaw", {}, "the reason is above"),
    ],
)
def test_why_packages_could_not_be_installed_is_said_as_it_is(tmp_path, said, environment, sentence):
    python = f"""[ "$1" != -V ] || {{ echo Python 3.99; exit; }}; [ "$3" != --version ] || exit 0; echo "{said}" >&2; exit 1"""
    installed(tmp_path, "node_modules/installed")
    script(tmp_path / ".venv" / "bin" / "python", python)
    (tmp_path / ".venv" / "installed").touch()
    os.utime(tmp_path / ".venv" / "installed", (0, 0))  # older than the lock files
    done = make(tmp_path, ".venv/installed", PATH=stand_ins(tmp_path), **environment)
    assert done.returncode != 0 and said in done.stderr
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert sentence in error and "secret" not in error
    assert not (tmp_path / ".venv" / "installed").exists()


@pytest.mark.parametrize(
    ("scripts", "said"),
    [
        ({"apt-get": "", "id": "echo 0"}, "installing jekyll nodejs\n"),
        (
            {"apt-get": "", "id": "echo 1", "sudo": ""},
            "sudo apt-get install --no-install-recommends jekyll nodejs ruby-jekyll-seo-tag\n",
        ),
        (
            {"apt-get": "", "id": "echo 1"},
            "there is no sudo here; as root: apt-get install --no-install-recommends jekyll nodejs",
        ),
        ({}, "by the names of Debian's packages jekyll nodejs: install them as this system does"),
        (
            {"apt-get": "echo Failed to fetch; exit 1", "id": "echo 0"},
            "give the same command again once Debian's packages can be reached",
        ),
        ({"apt-get": "echo Could not get lock; exit 1", "id": "echo 0"}, "another program is installing packages: wait for it"),
    ],
    ids=["root", "sudo", "no sudo", "no apt-get", "root without a network", "root while apt is at work"],
)
def test_programs_that_are_missing_are_installed_or_named_with_a_command_that_serves(tmp_path, scripts, said):
    done = make(tmp_path, "system", PATH=stand_ins(tmp_path, without=("jekyll", "node"), **scripts))
    assert said in done.stdout + done.stderr
    assert (done.returncode == 0) == (said.startswith("installing"))


def test_the_page_alone_needs_no_compiler_no_browser_and_no_library_to_draw_with(tmp_path):
    installed(tmp_path)
    script(tmp_path / ".venv" / "bin" / "python", "")
    places = stand_ins(tmp_path, without=("cc", "chromium"), ldconfig="exit 127")
    done = make(tmp_path, "site", PATH=places)
    assert done.returncode == 0, done.stderr
    for target, package in {"test": "gcc libc6-dev", "drawing": "libosmesa6", "browser": "chromium"}.items():
        done = make(tmp_path, target, PATH=places)
        assert done.returncode != 0 and f"packages {package}: install them" in done.stderr
    script(tmp_path / "programs" / "uname", "echo Darwin")
    assert make(tmp_path, "drawing", PATH=places).returncode == 0


def test_a_python_that_is_too_old_is_named_and_another_can_be(tmp_path):
    old = 'case "$*" in *version_info*) exit 1 ;; -V) echo Python 3.9.6 ;; esac'
    places = stand_ins(tmp_path, python3=old, **{"python3.12": ""})
    done = make(tmp_path, "system", PATH=places)
    assert done.returncode != 0
    assert (
        "error: python3 is Python 3.9.6, and 3.11 or later is needed: name one, as in make PYTHON3=python3.12\n" in done.stderr
    )
    assert make(tmp_path, "system", PATH=places, PYTHON3="python3.12").returncode == 0


def test_set_up_goes_in_order_whatever_make_is_told(tmp_path):
    installed(tmp_path, ".venv/installed")
    script(tmp_path / ".venv" / "bin" / "python", "")
    npm = tmp_path / "programs" / "npm"
    bring_npm = f"[ $1 = update ] || {{ printf '#!/bin/bash\\nmkdir -p node_modules' > {npm}; chmod +x {npm}; }}"
    places = stand_ins(tmp_path, without=("npm",), **{"id": "echo 0", "apt-get": bring_npm})
    done = make(tmp_path, "setup", PATH=places, MAKEFLAGS="-j4")
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


def test_lock_files_hold_exact_versions_the_sums_of_their_files_and_no_addresses():
    for name in LOCKS:
        text = (files.ROOT / name).read_text(encoding="utf-8")
        pinned = locks.entries(text)
        assert pinned and all(re.fullmatch(r"[a-z0-9.-]+==[\w.+]+( ; [^;]+)?", requirement) for requirement in pinned)
        assert all(sums and all(re.fullmatch("[0-9a-f]{64}", each) for each in sums) for sums in pinned.values())
        assert locks.written(locks.HEADERS[name], pinned) == text  # and there is nothing else in it
        assert "://" not in text
    assert '"resolved"' not in (files.ROOT / "package-lock.json").read_text(encoding="utf-8")


def test_the_lock_files_are_of_what_the_project_asks_for_and_torch_is_one_version_in_both():
    project = tomllib.loads((files.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [
        *project["project"]["dependencies"],
        *(each for extra in locks.EXTRAS for each in project["project"]["optional-dependencies"][extra]),
    ]
    wanted = [Requirement(each) for each in asked]
    pinned = {name: locks.entries((files.ROOT / name).read_text(encoding="utf-8")) for name in LOCKS}
    versions = {each.name: each for each in map(Requirement, [*pinned["requirements.lock"], *pinned["requirements-cuda.lock"]])}
    for requirement in wanted:
        (version,) = versions[canonicalize_name(requirement.name)].specifier
        assert requirement.specifier.contains(version.version), requirement
    assert "torch==2.13.0" in pinned["requirements-cuda.lock"]
    assert set(pinned["requirements-cpu.lock"]) == {
        "torch==2.13.0 ; sys_platform == 'darwin'",
        "torch==2.13.0+cpu ; sys_platform == 'linux'",
    }
    assert not any(each.startswith(("torch==", "nvidia", "cuda", "triton")) for each in pinned["requirements.lock"])
