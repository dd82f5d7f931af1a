"""What `doit` remembers: the checkout, to the byte, in which it last found everything up to date, and what it said then.

The same bytes, judged by the same code with the same packages, are judged the same: so as long as nothing differs, nothing is
judged again. Where anything does, everything is judged anew, from its source. Plain `doit` alone asks; `python -m pipeline
explain`, `make check-evidence` and `make reproduce` never do.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pipeline
from pipeline import files
from pipeline.evidence import fingerprints, records

APART = ("build", "data", "node_modules", "vendor", "_site", "__pycache__")  # folders of which no verdict depends on a byte
KEPT = files.ROOT / "build" / "up_to_date.json"


def below(folder: Path, name: str = "") -> Iterator[tuple[str, Path]]:
    """All files below a folder, by name from there, links followed, hidden ones and folders that lie apart left out."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name in APART:
                continue
            if entry.is_dir():
                yield from below(entry.path, f"{name}{entry.name}/")
            elif entry.is_file():
                yield name + entry.name, Path(entry.path)


def look(source: str, code: dict[Path, str]) -> dict[str, object]:
    """All that verdicts depend on: when every file of the checkout was written, its SHA-256, and the packages installed.

    Args:
        source: of which checkpoints, local or hub.
        code: digests of files as this process imported them, in the place of what lies there now.

    Returns:
        Nothing where a file cannot be read.
    """
    try:
        seen = {
            name: (fingerprints.mark(path), code.get(path) or fingerprints.file_sum(path)) for name, path in below(files.ROOT)
        }
        packages = {name for folder in sys.path if os.path.isdir(folder) for name in os.listdir(folder) if "-info" in name}
    except OSError:
        return {}
    return {"files": seen, "else": [source, sys.version, sorted(packages)]}


def state(seen: dict[str, object]) -> str:
    """SHA-256 of what was seen; when files were written does not matter."""
    return records.values_digest([{name: digest for name, (_, digest) in seen["files"].items()}, seen["else"]])


def recall(seen: dict[str, object]) -> list[str] | None:
    """What was said when everything was found up to date in the state that was seen; None where it was not, or nobody knows."""
    try:
        known = json.loads(KEPT.read_text(encoding="utf-8"))
        return known["said"] if seen and known["state"] == state(seen) else None
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return None


def keep(source: str, seen: dict[str, object], said: list[str]) -> None:
    """Remember that all was found up to date, and what was said, if no file was written since this process began to look."""
    if seen and look(source, pipeline.source_sums(pipeline.SOURCE)) == seen:
        files.write_json(KEPT, {"state": state(seen), "said": said})
