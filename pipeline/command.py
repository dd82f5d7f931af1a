"""The verbs' command lines: a run's name, a few options, and errors as one sentence."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Iterable
from difflib import get_close_matches

from pipeline import PipelineError


def parser(description: str, names: Iterable[str]) -> argparse.ArgumentParser:
    """A parser that takes the name of one run and says which names there are."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.epilog = "runs:\n" + "\n".join(f"  {name}" for name in names)
    made.add_argument("name", help="which run, by name (below)")
    return made


def find(name: str, recipes: dict):
    """The recipe of that name.

    Raises:
        PipelineError: there is none; the sentence names the nearest.
    """
    if name not in recipes:
        near = get_close_matches(name, recipes, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(recipes)}"
        raise PipelineError(f"there is no run named {name!r}; {hint}")
    return recipes[name]


def run(main: Callable[[], None]) -> None:
    """Call a verb with one torch thread; turn errors a user can mend into one sentence and exit code 1."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    try:
        main()
    except PipelineError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: {error.filename or 'the system'}: {error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit("interrupted; finished parts are kept, the same command goes on from there")
