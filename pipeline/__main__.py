"""One command line for all that the pipeline makes.

python -m pipeline list
python -m pipeline explain evaluations/local_dt_halfcheetah_6000
python -m pipeline make evaluations/local_dt_halfcheetah_6000
"""

from __future__ import annotations

import os
import runpy
import sys
from difflib import get_close_matches
from typing import Annotated

import typer

from pipeline import PipelineError, files
from pipeline.evidence import fingerprints, recipes, records, source
from pipeline.evidence.records import Recipe
from pipeline.graph import command, plan, settings

app = typer.Typer(no_args_is_help=True, help="Make, explain and check every result of the post.", rich_markup_mode=None)
FORWARDED = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def complete(begun: str) -> list[str]:
    """What a shell may make of the beginning of a result's name."""
    return [name for name in recipes.known() if name.startswith(begun)]


def resolve(name: str) -> Recipe:
    """The recipe of a result, named as kind/name, by its name where only one kind has it, or as other catalogs name a dataset.

    Of names, `local_` may be left out.

    Raises:
        PipelineError: there is none, or several; the sentence says which there are.
    """
    known = recipes.known()
    kind, _, rest = name.partition("/")
    of_kind = kind in {recipe.kind for recipe in known.values()}
    plain = command.own(rest if of_kind else name)
    wanted = [key for key in known if not of_kind or key.startswith(f"{kind}/")]
    found = [key for key in wanted if key.partition("/")[2] in (plain, f"local_{plain}")]
    if len(found) > 1:
        raise PipelineError(f"{name!r} names {len(found)} results: say which, {', '.join(found[:-1])} or {found[-1]}")
    if not found:
        near = get_close_matches(name, [*known, *(key.partition("/")[2] for key in known)], n=1)
        raise PipelineError(f"there is no result {name!r}; {f'did you mean {near[0]}?' if near else 'see `list`'}")
    return known[found[0]]


def hand_over(module: str, words: list[str]) -> None:
    """Run a module as the program, with words on its command line."""
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def state(recipe: Recipe) -> str:
    """Whether a result holds, in a word or with the reason why not."""
    return fingerprints.stale(recipe) or "current"


@app.command("list")
def list_results(
    kind: Annotated[str | None, typer.Option(help="of one kind only, such as evaluations")] = None,
    stale: Annotated[bool, typer.Option("--stale", help="only those that do not hold, with the reason")] = False,
) -> None:
    """Say what there is to make: kind and name, about how long it takes, and what it is."""
    chosen = {key: recipe for key, recipe in recipes.known().items() if kind in (None, recipe.kind)}
    if not chosen:
        kinds = sorted({recipe.kind for recipe in recipes.known().values()})
        raise PipelineError(f"there is no kind {kind!r}; known: {', '.join(kinds)}")
    shown = {key: state(recipe) for key, recipe in chosen.items()} if stale else dict.fromkeys(chosen, "")
    for key, reason in shown.items():
        if reason != "current":
            about = reason or f"{plan.minutes(chosen[key].seconds)}; {chosen[key].about}"
            print(f"{key}: {about}")


@app.command()
def explain(name: Annotated[str, typer.Argument(help="a result, as kind/name", autocompletion=complete)]) -> None:
    """Say what a result is made of, whether it holds and why not, how long it takes, and what stands on it."""
    recipe = resolve(name)
    made = records.read(recipe.path())["made"] if recipe.path().exists() else {}
    own = {f"results/{recipe.kind}/{recipe.name}.json", *recipe.outputs}
    above = [key for key, other in recipes.known().items() if own & set(other.inputs)]
    rows = {
        "what": recipe.about,
        "state": state(recipe),
        "takes": f"{plan.minutes(recipe.seconds)} on one core",
        "run": ", ".join(f"{key} = {value}" for key, value in records.fields(recipe.run).items() if key != "name"),
        "plays": ", ".join(run.name for run in recipe.holds),
        "reads": ", ".join(recipe.inputs),
        "code": ", ".join(source.tree().closure(recipe.modules)),
        "versions": ", ".join(f"{package} {version}" for package, version in made.get("versions", {}).items()),
        "machine": made.get("machine", {}).get("processor", ""),
        "renewed": "; ".join(f"{entry['ran']}, on {entry['processor']}" for entry in made.get("renewed", [])),
        "writes": ", ".join((f"results/{recipe.kind}/{recipe.name}.json", *recipe.outputs)),
        "below": ", ".join(above),
    }
    for title, text in rows.items():
        if text:
            print(f"{title:<9}{text}")


@app.command(context_settings=FORWARDED)
def make(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="a result, as kind/name", autocompletion=complete)] = None,
    changed: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="set a field, for a throw-away run; repeatable")
    ] = None,
) -> None:
    """Make one result, whether it holds or not; `make NAME --help` says what options its verb has.

    With `--set` the run is a throw-away one, made apart from results/, and what moved is said: `make
    evaluations/local_dt_halfcheetah_6000 --set target_return=3000`.
    """
    if name in (None, "--help"):
        print(context.get_help())
        return
    recipe = resolve(name)
    words = [word for setting in changed or () for word in ("--set", setting)]
    hand_over(recipe.verb, [recipe.name, *context.args, *words])
    if changed and not {"--data", "--source", "--into"} & set(context.args):
        say_moved(recipe, settings.change(recipe, changed))


def say_moved(recipe: Recipe, changed: Recipe) -> None:
    """Print where a throw-away run's evidence lies, and its numbers beside those of the run it came of."""
    path = changed.path(files.ROOT if changed.kind in settings.MADE_HERE else settings.TRIED)
    before = records.read(recipe.path())["values"] if recipe.path().exists() else {}
    print(os.path.relpath(path), *settings.moved(before, records.read(path)["values"]), sep="\n  ")


@app.command("plan")
def say_plan() -> None:
    """Say what is stale, why, and about how long `doit` takes."""
    plan.announce()


ELSEWHERE = {  # commands that are a module's own, with what they do
    "renew": (
        "pipeline.graph.renewal",
        "Renew what is stale because of source alone, where today's code is shown to make the same.",
    ),
    "check": (
        "pipeline.graph.check_evidence",
        "Look for forged evidence: all that follows from something else, and a random sample made again (a minute).",
    ),
    "reproduce": ("pipeline.graph.reproduce", "Make all evidence again from the checkpoints, and judge each result."),
    "attested": (
        "pipeline.graph.record_attestation",
        "Have the page say which results are attested, by a verdict that GitHub signed.",
    ),
    "lock-hub": (
        "pipeline.hub.lock_hub",
        "Record the commits and sums of the published models as the hub has them now, into `hub.lock`.",
    ),
}


def forward(name: str, module: str, about: str) -> None:
    """Add a command that hands all its words to a module."""

    @app.command(name, context_settings=FORWARDED, help=about)
    def run(context: typer.Context) -> None:
        hand_over(module, context.args)


for name, (module, about) in ELSEWHERE.items():
    forward(name, module, about)


if __name__ == "__main__":
    command.run(lambda: app(prog_name="python -m pipeline"))
