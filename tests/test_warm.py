"""A module that runs with the libraries loaded is what `python -m` would run."""

import os
import subprocess
import sys

import pytest

from tests import warm

SAY = """
import atexit, json, os, subprocess, sys
import beside
atexit.register(print, "the end")
ours = sorted(name for name in sys.modules if name.partition(".")[0] in ("pipeline", "tests", "doit", "pytest"))
print(json.dumps([sys.argv[1:], os.getcwd(), os.environ.get("WORD"), __name__, beside.WORD, ours]))
if sys.argv[1:2] == ["deeper"]:
    done = subprocess.run([sys.executable, "-m", "say", "inner"], capture_output=True, text=True, env={"WORD": "of its own"})
    print(done.returncode, done.stdout)
"""
ENDS = """
import os, signal, sys
match sys.argv[1]:
    case "sentence":
        sys.exit("error: one sentence")
    case "number":
        sys.exit(3)
    case "error":
        raise ValueError("what is wrong")
    case "killed":
        os.kill(os.getpid(), signal.SIGKILL)
"""


def both(folder, *words: str) -> list[subprocess.CompletedProcess]:
    """The same module run with the libraries loaded, and by `python -m`."""
    (folder / "say.py").write_text(SAY)
    (folder / "beside.py").write_text("WORD = 'beside'\n")
    (folder / "ends.py").write_text(ENDS)
    variables = {**os.environ, "WORD": "variable", "PYTHONPATH": ""}
    usual = subprocess.run([sys.executable, "-m", *words], cwd=folder, env=variables, capture_output=True, text=True)
    return [warm.server().run(list(words), folder, variables), usual]


@pytest.mark.parametrize("words", [["say"], ["say", "two", "words"], ["say", "deeper"]], ids=" ".join)
def test_a_module_has_its_own_arguments_folder_variables_and_imports(tmp_path, words):
    loaded, usual = both(tmp_path, *words)
    assert (loaded.returncode, loaded.stdout, loaded.stderr) == (0, usual.stdout, usual.stderr)
    assert str(tmp_path) in loaded.stdout and loaded.stdout.rstrip().endswith("the end")


@pytest.mark.parametrize(("end", "code"), [("sentence", 1), ("number", 3), ("error", 1), ("killed", -9)])
def test_a_module_ends_as_it_would_alone(tmp_path, end, code):
    loaded, usual = both(tmp_path, "ends", end)
    assert loaded.returncode == usual.returncode == code
    assert loaded.stderr.splitlines()[-1:] == usual.stderr.splitlines()[-1:]


def test_the_libraries_are_loaded_and_a_second_module_knows_nothing_of_the_first(tmp_path):
    (tmp_path / "first.py").write_text("import os, torch\nos.environ['WORD'] = 'left'\ntorch.manual_seed(7)\nleft = 1\n")
    (tmp_path / "second.py").write_text(
        "import os, sys\nprint('torch' in sys.modules, 'first' in sys.modules, os.environ.get('WORD'))\n"
    )
    assert warm.server().run(["first"], tmp_path).returncode == 0
    assert warm.server().run(["second"], tmp_path).stdout.split() == ["True", "False", "None"]
