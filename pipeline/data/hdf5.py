"""HDF5 that strangers wrote, read safely: arrays of numbers that lie in the file itself, of the shapes that are expected.

HDF5 can name other files for its reader to open (external storage, external links, virtual datasets) and can claim terabytes in
a few bytes. Nothing of the kind is followed or allocated: each is refused in one sentence.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from pipeline import PipelineError

SMALL = 2**24  # bytes that any file may claim
MOST_RATIO = 200  # bytes that a larger file may claim for each that it has


@dataclass
class Budget:
    """Bytes that may still be read of one file."""

    left: int


@dataclass(frozen=True)
class Group:
    """A group of an open file, of which arrays and groups can be had by name.

    path: the file, and the group in it, as errors name it. error: the class of every complaint. cure: what ends a complaint
    about a damaged file.
    """

    path: str
    held: h5py.Group
    error: type[PipelineError]
    budget: Budget

    def names(self) -> list[str]:
        """What the group holds, arrays, groups and whatever else, in no order that matters."""
        return list(self.held)

    def attribute(self, name: str):
        """An attribute, None where there is none."""
        return self.held.attrs.get(name)

    def find(self, name: str, kind: type) -> h5py.Group | h5py.Dataset:
        """An array or a group, by a name that leads into this file.

        Raises:
            PipelineError: of the class `error`: there is none, or its name is a link to somewhere else.
        """
        link = self.held.get(name, getlink=True)
        if link is None:
            raise self.error(f"{self.path} has no {'array' if kind is h5py.Dataset else 'group'} named {name!r}")
        if not isinstance(link, h5py.HardLink):
            raise self.error(f"{self.path}: {name} is a link to another place, and only what lies here is read")
        found = self.held[name]
        if not isinstance(found, kind):
            raise self.error(f"{self.path} has no {'array' if kind is h5py.Dataset else 'group'} named {name!r}")
        return found

    def subgroup(self, name: str) -> Group:
        """A group in this one."""
        return Group(f"{self.path}: {name}", self.find(name, h5py.Group), self.error, self.budget)

    def size(self, name: str) -> int:
        """How many numbers an array claims to hold; nothing is read."""
        return math.prod(self.find(name, h5py.Dataset).shape or (0,))

    def array(self, name: str, shape: Sequence[int], kinds: str = "biuf") -> np.ndarray:
        """An array of that shape, of whole numbers or floating-point ones as `kinds` says (numpy's letters).

        Raises:
            PipelineError: of the class `error`: it is missing, has another shape or type, lies in another file, cannot be
                unpacked, or is larger than the file can mean.
        """
        found = self.find(name, h5py.Dataset)
        if found.dtype.kind not in kinds:
            what = "numbers" if "f" in kinds else "whole numbers"
            raise self.error(f"{self.path}: {name} holds {found.dtype}, not {what}")
        if found.shape != tuple(shape):
            raise self.error(f"{self.path}: {name} has shape {found.shape}, expected {tuple(shape)}")
        if found.is_virtual or found.external:
            raise self.error(f"{self.path}: {name} lies in another file, and only what lies here is read")
        self.refuse_unknown_filters(name, found)
        self.budget.left -= found.nbytes
        if self.budget.left < 0:
            raise self.error(f"{self.path}: {name} claims {found.nbytes:,} bytes, more than this file can mean")
        return np.asarray(found[()])

    def refuse_unknown_filters(self, name: str, found: h5py.Dataset) -> None:
        """Raise unless this machine's HDF5 can unpack an array."""
        settings = found.id.get_create_plist()
        for number, _, _, said in (settings.get_filter(index) for index in range(settings.get_nfilters())):
            if not h5py.h5z.filter_avail(number):
                known = said.decode(errors="replace").strip("\0") or f"filter {number}"
                raise self.error(
                    f"{self.path}: {name} is compressed by {known}, which HDF5 does not bring along: "
                    "write the file anew with `h5repack -f GZIP=4 OLD NEW` where that is installed"
                )


@contextmanager
def opened(path: Path, error: type[PipelineError], missing: str = "", damaged: str = "") -> Iterator[Group]:
    """A file's root, for reading; no lock is taken, which some file systems do not have.

    Args:
        error: the class of every complaint about what the file holds.
        missing, damaged: what ends the sentence about a file that is not there, or is no HDF5.

    Raises:
        PipelineError: of the class `error`: the file is missing or damaged.
        OSError: the system cannot read it now, which says nothing of the file.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise error(f"{path} is no file{damaged}")
        with h5py.File(path, "r", locking=False) as file:
            yield Group(str(path), file, error, Budget(max(SMALL, MOST_RATIO * os.stat(path).st_size)))
    except FileNotFoundError:
        raise error(f"{path} is missing{missing}") from None
    except (OSError, RuntimeError, LookupError, TypeError, ValueError, MemoryError) as caught:
        if getattr(caught, "errno", None):
            raise OSError(caught.errno, os.strerror(caught.errno), str(path)) from None
        raise error(f"{path} cannot be read as HDF5 ({' '.join(str(caught).split())}){damaged}") from None
