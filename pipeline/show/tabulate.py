"""Fill the tables: Jinja2 templates over `results/`, into `_includes/tables/`.

A template sees what the page sees: `evaluations.local_dt_halfcheetah_6000.values.return_mean`. A name that does not
exist is an error.
"""

from __future__ import annotations

import functools
import json
import math
from decimal import ROUND_HALF_UP, Context, Decimal
from pathlib import Path

import jinja2
from markupsafe import Markup

from pipeline import PipelineError, files
from pipeline.show import provenance
from pipeline.study import runs, studies

TEMPLATES = files.ROOT / "templates"
VERDICTS = files.ROOT / "_includes" / "claims.json"
NAMES = tuple(sorted(path.name.removesuffix(".md.j2") for path in TEMPLATES.glob("*.md.j2")))
ACTING = str.maketrans({letter: f"&#{ord(letter)};" for letter in "&<>{}|"})
MINUS, THIN_SPACE = "\u2212", "\u202f"
EXACT = Context(prec=400, rounding=ROUND_HALF_UP)  # digits enough for every float and 70 decimals


class TableError(PipelineError):
    """A table that cannot be filled."""


def fixed(number: float, decimals: int = 0) -> str:
    """A number as the page's own `fixed` filter writes it: true minus, thin spaces between thousands from 10 000 up.

    It is rounded as the decimal that it is written as, and halves away from zero, as a reader would: 56.55 is 56.6, though kept
    as 56.549999999999997. `tests/golden/fixed.json` has the cases that both must meet.

    Raises:
        TableError: it is not a finite number.
    """
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise TableError(f"fixed needs a finite number, not {number!r}")
    rounded = EXACT.quantize(abs(Decimal(str(number))), Decimal(1).scaleb(-decimals))
    text = f"{rounded:,f}" if rounded >= 10_000 else f"{rounded:f}"
    return (MINUS if number < 0 and rounded else "") + text.replace(",", THIN_SPACE)


def interval(values: dict, stem: str = "", decimals: int = 1) -> str:
    """A mean with its interval: `42.1 (41.5 to 42.7)` from `mean`, `low` and `high`, or from `<stem>_mean` and so on."""
    mean, low, high = (fixed(values[f"{stem}_{end}" if stem else end], decimals) for end in ("mean", "low", "high"))
    return f"{mean} ({low} to {high})"


def percent(number: float, decimals: int = 1) -> str:
    """A share of 1 in percent, without the sign: multiplied as the decimal it is written as, so that 0.5495 is 54.95 here and
    on the page, and not 54.949999999999996.
    """
    return fixed(float(100 * Decimal(str(number))), decimals)


def share(values: dict, decimals: int = 1) -> str:
    """A share with its interval, in percent, from `mean`, `low` and `high`."""
    mean, low, high = (percent(values[end], decimals) for end in ("mean", "low", "high"))
    return f"{mean}% ({low} to {high})"


def p_value(p: float) -> str:
    """A p-value as it is written."""
    return "below 0.001" if p < 0.001 else fixed(p, 3)


@functools.cache
def results(root: Path = files.ROOT) -> dict:
    """Everything under `results/` as one tree, folders and file names as keys, as Jekyll's `site.data` has it."""
    tree: dict = {}
    for path in sorted((root / "results").rglob("*.json")):
        branch = tree
        for part in path.relative_to(root / "results").parts[:-1]:
            branch = branch.setdefault(part, {})
        try:
            branch[path.stem] = json.loads(files.read_text(path))
        except OSError as error:
            raise TableError(f"{path} cannot be read ({error.strerror})") from None
        except (ValueError, RecursionError) as error:
            by_hand = path.name in ("published.json", "attested.json")
            cure = f"restore it with `git checkout -- results/{path.name}`" if by_hand else "`doit` mends it"
            raise TableError(f"{path} is not valid JSON ({error}): {cure}") from None
    return tree


def shown(value):
    """What a template prints: in text, such as a string of evidence, nothing acts as HTML or Liquid or ends a cell."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return Markup(" ".join(value.splitlines()).translate(ACTING))


@functools.cache
def environment(templates: Path) -> jinja2.Environment:
    """What reads the templates of a folder: each is compiled once."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=True,
        optimized=False,  # a template is filled once, so to make it quicker costs more than it saves
        finalize=shown,
    )
    found.filters |= {"fixed": fixed, "interval": interval, "share": share, "percent": percent, "p_value": p_value}
    return found


def verdicts() -> dict[str, dict]:
    """What `pipeline.show.claims` found of every claim, by id; nothing where it has not judged yet."""
    try:
        return json.loads(files.read_text(VERDICTS))
    except OSError:
        return {}


class Watched(dict):
    """Results of one kind, which note in `seen` what is read of them."""

    def __init__(self, content: dict, kind: str, seen: set[str]):
        super().__init__(content)
        self.kind, self.seen = kind, seen

    def __getitem__(self, name):
        """One result by name."""
        self.seen.add("published" if self.kind == "published" else f"{self.kind}/{name}")
        return super().__getitem__(name)


def render(name: str, data: dict, seen: set[str] | None = None) -> str:
    """One table as Markdown; every result that its template reads is added to `seen`.

    Raises:
        TableError: there is no such template, or it names something that the results do not have.
    """
    from pipeline.statistics import verdicts as verdicts_of  # only now: scipy takes a fifth of a second

    watched = data if seen is None else {kind: Watched(content, kind, seen) for kind, content in data.items()}
    try:
        judged = verdicts() if name == "claims" else {}
        if seen is not None:
            seen |= {result for claim in judged.values() for result in claim["reads"]}
        return (
            environment(TEMPLATES)
            .get_template(f"{name}.md.j2")
            .render(
                **watched,
                runs=runs,
                bars={
                    "obeys": verdicts_of.OBEYS,
                    "deaf": verdicts_of.DEAF,
                    "rerun": verdicts_of.LEAST_RERUN,
                    "percentiles": studies.PERCENTILES,
                },
                claims=judged,
                provenance=provenance,
                results=data,
            )
        )
    except jinja2.TemplateNotFound:
        raise TableError(f"there is no table named {name!r}; known: {', '.join(NAMES)}") from None
    except (jinja2.TemplateError, TableError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise TableError(f"templates/{name}.md.j2 cannot be filled: {' '.join(str(error).split())}") from None


def filled(name: str, data: dict) -> str:
    """One table as Markdown, and below it the link to its evidence: every result that was read to fill it."""
    seen: set[str] = set()
    text = render(name, data, seen)
    if "|" not in text:
        return text
    read = "".join(f" {result}" for result in sorted(seen))
    return f'{text.rstrip()}\n\n<p class="source">{{% from tabulate:{name}{read} %}}</p>\n'


def target(name: str) -> Path:
    """Where a table lies."""
    return files.ROOT / "_includes" / "tables" / f"{name}.md"


def current(name: str) -> bool:
    """Whether a table says what the results say."""
    try:
        return target(name).read_text(encoding="utf-8") == filled(name, results())
    except (OSError, PipelineError):
        return False


def write(name: str) -> None:
    """Fill one table and write it whole."""
    results.cache_clear()
    files.write_text(target(name), filled(name, results()))
