"""One command line for all that the pipeline makes.

python -m pipeline list
python -m pipeline explain evaluations/local_dt_halfcheetah_6000
python -m pipeline make evaluations/local_dt_halfcheetah_6000
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from pipeline import PipelineError, files
from pipeline.evidence import fingerprints, recipes, records, source
from pipeline.evidence.records import Recipe
from pipeline.graph import command, plan, settings
from pipeline.study.run import ENVIRONMENT

app = typer.Typer(no_args_is_help=True, help="Make, explain and check every result of the post.", rich_markup_mode=None)


def complete(begun: str) -> list[str]:
    """What a shell may make of the beginning of a result's name."""
    return [name for name in recipes.known() if name.startswith(begun)]


def known_source(source: str) -> str:
    """A source, which must be one of two.

    Raises:
        PipelineError: it is another.
    """
    if source not in recipes.SOURCES:
        raise PipelineError(f"there is no source {source!r}; known: {', '.join(recipes.SOURCES)}")
    return source


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
    recipe = command.resolve(name)
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


@app.command()
def make(
    name: Annotated[str, typer.Argument(help="a result, as kind/name", autocompletion=complete)],
    changed: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="set a field, for a throw-away run; repeatable")
    ] = None,
    source: Annotated[str | None, typer.Option(help="local or hub: the same, trained here or published")] = None,
    data: Annotated[str | None, typer.Option(help="the same on another dataset, under a name of its own")] = None,
    into: Annotated[Path | None, typer.Option(help="write to results/ below this folder")] = None,
    shards: Annotated[int | None, typer.Option(min=1, help="play only the first shards of episodes")] = None,
    earlier: Annotated[str | None, typer.Option("--from", metavar="CHECKPOINT", help="train this one further")] = None,
    file: Annotated[Path | None, typer.Option(help="take a dataset from this file instead of downloading it")] = None,
) -> None:
    """Make one result, whether it holds or not.

    With `--set` the run is a throw-away one, made apart from results/, and what moved is said: `make
    evaluations/local_dt_halfcheetah_6000 --set target_return=3000`.
    """
    recipe = command.choose(name, source and known_source(source), data, changed or ())
    told = {option: value for option, value in (("shards", shards), ("earlier", earlier), ("file", file)) if value is not None}
    tried = settings.TRIED if changed and recipe.kind not in settings.MADE_HERE else files.ROOT
    command.make_one(recipe, tried if into is None else into, told)
    if changed and not (data or source or into):
        say_moved(command.resolve(name), recipe)


def say_moved(recipe: Recipe, changed: Recipe) -> None:
    """Print where a throw-away run's evidence lies, and its numbers beside those of the run it came of."""
    path = changed.path(files.ROOT if changed.kind in settings.MADE_HERE else settings.TRIED)
    before = records.read(recipe.path())["values"] if recipe.path().exists() else {}
    print(os.path.relpath(path), *settings.moved(before, records.read(path)["values"]), sep="\n  ")


@app.command()
def evaluate(
    policy: Annotated[str, typer.Option(metavar="FILE", help="FILE.py:load, FILE.zip, FILE.onnx or FILE.pt")],
    world: Annotated[str, typer.Option(help="whose name is in pipeline/worlds/world.py")] = ENVIRONMENT,
    episodes: Annotated[int, typer.Option(min=1, help="how many are played")] = 10,
    first_seed: Annotated[int, typer.Option(min=0, help="of the first episode; the next has the next")] = 100,
    target_return: Annotated[float | None, typer.Option(help="what FILE.py:load finds as run.target_return")] = None,
    reads: Annotated[list[Path] | None, typer.Option(help="another file that decides what it does; repeatable")] = None,
    name: Annotated[str | None, typer.Option(help="of its row, if not after the file")] = None,
    into: Annotated[Path | None, typer.Option(help="write below this folder; by default build/tried")] = None,
) -> None:
    """Play your own policy, time it, and see it ranked among the evidence, of which it becomes no part.

    python -m pipeline evaluate --policy my_policy.py:load --world hopper

    FILE.py:load is a function that returns a policy, with reset(seeds) and act(observations, rewards), or with
    predict(observations); its one argument, where it has one, is the run. FILE.zip is Stable-Baselines3's (SAC, TD3, PPO with
    MlpPolicy), whose likeliest action is taken; nothing in it is unpickled, and VecNormalize's statistics, which lie in another
    file, are not applied. FILE.onnx has one input, observations, and its first output are actions; it needs onnxruntime, of
    the extra `policies`: pip install onnxruntime. FILE.pt is TorchScript, from observations to actions.

    FILE.py and FILE.pt are programs: they run with your rights, so take none from strangers. The sha256 of FILE, and of what
    --reads names, is part of the result's fingerprint. Actions beyond [-1, 1] are clipped to it.
    """
    from pipeline.graph import own_policies

    asked = {"episodes": episodes, "first_seed": first_seed, "target_return": target_return}
    own_policies.evaluate(policy, world, into or settings.TRIED, reads or (), name, **asked)


@app.command("curves")
def write_curves(
    names: Annotated[list[str], typer.Argument(metavar="TRAINING", help="without its kind, done or under way; several")],
    into: Annotated[Path | None, typer.Option(help="write below this folder; by default build/curves")] = None,
) -> None:
    """Write learning curves for `tensorboard --logdir build/curves`; given again, it writes what there is by then."""
    from pipeline.show import curves

    for name in names:
        print(os.path.relpath(curves.write(name.removeprefix("training/"), into or curves.INTO)))


@app.command("model-card")
def write_model_card(
    checkpoint: Annotated[str, typer.Argument(help="a folder of checkpoints/")],
    into: Annotated[Path | None, typer.Option(help="the file to write; by default it is printed")] = None,
) -> None:
    """Say on a card for the hub what a checkpoint is, how it was trained, and what the evidence measured of it."""
    from pipeline.show import model_card

    if into is None:
        print(model_card.card(checkpoint))
    else:
        model_card.write(checkpoint, into)


@app.command("plan")
def say_plan() -> None:
    """Say what is stale, why, and about how long `doit` takes."""
    plan.announce()


@app.command()
def renew(names: Annotated[list[str] | None, typer.Argument(metavar="KIND/NAME", help="by default all that is stale")] = None):
    """Renew what is stale because of source alone, where today's code is shown to make the same."""
    from pipeline.graph import renewal

    renewal.main(names or [])


@app.command()
def check(
    seconds: Annotated[float, typer.Option(help="about how long the sample may take")] = 60.0,
    seed: Annotated[int | None, typer.Option(help="of the sample; by default another each time")] = None,
) -> None:
    """Look for forged evidence: all that follows from something else, and a random sample made again (a minute)."""
    from pipeline.graph import check_evidence

    check_evidence.main(seconds, seed)


@app.command()
def reproduce(
    minutes: Annotated[float, typer.Option(min=0, help="about how long, beside what is quick; 0 makes everything")] = 30.0,
    seed: Annotated[int | None, typer.Option(min=0, help="of the draw; by default another each time")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="make everything again, and play every shard of every evaluation")
    ] = False,
    source: Annotated[str, typer.Option(help="whose checkpoints: local or hub")] = "local",
    stamp: Annotated[bool, typer.Option("--stamp", help="have identical evidence that names no machine name this")] = False,
) -> None:
    """Make evidence again from the checkpoints, and judge each result: what fits into half an hour, another draw each time."""
    from pipeline.graph import reproduce

    reproduce.main(every, known_source(source), stamp, minutes, seed)


@app.command()
def distribute(
    scheduler: Annotated[str | None, typer.Argument(help="its address; by default workers of this machine's own")] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="KIND/NAME", help="this, or all of a pattern such as 'suite/*'; repeatable")
    ] = None,
    planned: Annotated[bool, typer.Option("--plan", help="say what there is to make and what it costs, and no more")] = False,
    gpus: Annotated[bool, typer.Option("--gpus", help="train on workers that have said --resources GPU=1 alone")] = False,
    every: Annotated[bool, typer.Option("--all", help="with --into: every shard, and not the first of what is long")] = False,
    into: Annotated[Path | None, typer.Option(help="write to results/ below this folder; by default here")] = None,
    queue: Annotated[
        Path | None, typer.Option("--cluster", metavar="FILE.toml", help="a batch system starts the workers, as this file says")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes, without a scheduler; by default one a core")] = None,
    without_tls: Annotated[bool, typer.Option("--without-tls", help="trust the network between scheduler and workers")] = False,
    tls_ca_file: Annotated[Path | None, typer.Option(help="certificate that signed the others, for tls://")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="this client's certificate")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="its key")] = None,
) -> None:
    """Make what is missing or stale on the workers of a dask cluster (needs the extra `cluster`; docs/cluster.md).

    python -m pipeline distribute --into build/again --workers 2

    What is finished is written at once; interrupted, the same command goes on. What is timed is measured here, at the end.
    """
    from pipeline.graph import cluster, distribute

    tls = {"tls_ca_file": tls_ca_file, "tls_client_cert": tls_cert, "tls_client_key": tls_key}
    if sum(option is not None for option in (scheduler, queue, workers)) > 1:
        raise PipelineError("workers come of a scheduler, of --cluster, or of this machine (--workers): say one of these")
    given = {name: str(path) for name, path in tls.items() if path}
    asked = cluster.Asked(scheduler, queue, workers, without_tls, given, gpus)
    distribute.main(asked, only or (), files.ROOT if into is None else into.resolve(), every, planned)


@app.command()
def matrix(
    d4rl: Annotated[bool, typer.Option("--d4rl", help="D4RL's gym suite, beside published scores")] = False,
) -> None:
    """Show the scores of worlds, logs and methods, of the trainings that are there (`doit suite`, or `distribute`)."""
    from pipeline.show import matrix

    matrix.main(d4rl)


@app.command()
def attested(
    verdict: Annotated[Path, typer.Argument(help="the file of verdicts, as the workflow uploaded it")],
    repository: Annotated[str, typer.Option(help="OWNER/NAME of the repository whose workflow ran")],
) -> None:
    """Have the page say which results are attested, by a verdict that GitHub signed."""
    from pipeline.graph import record_attestation

    record_attestation.main(verdict, repository)


@app.command("lock-hub")
def lock_hub() -> None:
    """Record the commits and sums of the published models as the hub has them now, into `hub.lock`."""
    from pipeline.hub import lock_hub

    lock_hub.main()


if __name__ == "__main__":
    command.run(lambda: app(prog_name="python -m pipeline"))
