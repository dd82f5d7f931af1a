"""Where numbers come from: which checkpoint, what it learned from, and which simulator, read from the evidence itself."""

from __future__ import annotations

import json

WEIGHTS = "/model.safetensors"
SIMULATORS = ("gymnasium", "mujoco", "minigrid")
NO_EVIDENCE = ("published", "attested")  # below results/: what others published, what is attested
REPRODUCED = ("identical", "equal within tolerance", "statistically compatible")  # verdicts, see `pipeline.graph.judging`


def rows(results: dict) -> list[dict]:
    """Every checkpoint that evidence was made from, and runs without one, by name.

    Args:
        results: the tree under `results/`, folders and file names as keys.

    Returns:
        For each: `checkpoint` (None for none), `sha256` of its weights, `origin` (None, or the repository and commit it was
        fetched from), `learned_from` (names of datasets, or its own trials), `recorded_in` and `played_in` (environments),
        `simulators` (packages with versions), `counts` (pieces of evidence by kind), `attested` (how many of these are).
    """
    found: dict[tuple, dict] = {}
    signed = attested(results)
    for kind, files in sorted(results.items()):
        for name, content in files.items() if kind not in NO_EVIDENCE else ():
            if (made_by := player(content)) is None:
                continue
            row = found.setdefault(made_by, {"played_in": set(), "simulators": set(), "counts": {}, "attested": 0})
            row["attested"] += f"{kind}/{name}" in signed
            if place := environment(content["run"]):
                row["played_in"].add(place)
                row["simulators"] |= simulators(content)
            row["counts"][kind] = row["counts"].get(kind, 0) + 1
    ordered = sorted(found.items(), key=lambda item: (item[0][0] or "", item[0][1] or ""))
    return [
        {
            "checkpoint": name,
            "sha256": digest,
            **learned(results, name),
            "played_in": sorted(row["played_in"]),
            "simulators": sorted(row["simulators"]),
            "counts": row["counts"],
            "attested": row["attested"],
        }
        for (name, digest), row in ordered
    ]


def renewed(results: dict) -> dict[str, int]:
    """How many pieces of evidence there are, and how many of them stand on code that has changed since they were made and was
    shown to make the same (see `pipeline.graph.renewal`).

    Args:
        results: the tree under `results/`, folders and file names as keys.
    """
    made = [content["made"] for kind, files in results.items() if kind not in NO_EVIDENCE for content in files.values()]
    return {"results": len(made), "renewed": sum(bool(each.get("renewed")) for each in made)}


def verdicts(text: str) -> dict[str, tuple[str, str]]:
    """Of a file that `make reproduce` wrote: the verdict on each result, as kind/name, and the digest of what was judged.

    Raises:
        AttributeError, LookupError, TypeError, ValueError: it is no such file.
    """
    return {entry["result"]: (entry["verdict"], entry["sha256"]) for entry in json.loads(text) if "sha256" in entry}


def attested(results: dict) -> set[str]:
    """The results, as kind/name, that are attested: found to hold on a machine of GitHub's, and the same to this day.

    Whether evidence is what its digest says is not asked here, but wherever it is asked whether it holds.

    Args:
        results: the tree under `results/`; `attested` in it is what `pipeline.graph.record_attestation` wrote, if it did.
    """
    if "attested" not in results:
        return set()
    judged = verdicts(results["attested"]["verdict"])
    return {
        f"{kind}/{name}"
        for kind, files in results.items()
        if kind not in NO_EVIDENCE
        for name, content in files.items()
        if judged.get(f"{kind}/{name}") in [(verdict, content["made"]["sha256"]) for verdict in REPRODUCED]
    }


def attestation(results: dict) -> dict | None:
    """Repository, commit and date of the run that attests results, how many results these are and how many there are; None
    where none was recorded.
    """
    if "attested" not in results:
        return None
    signed = {key: results["attested"][key] for key in ("repository", "commit", "date")}
    return {**signed, "attested": len(attested(results)), "results": renewed(results)["results"]}


def player(content: dict) -> tuple[str | None, str | None] | None:
    """Checkpoint and SHA-256 of its weights that a piece of evidence was made from, twice None where a policy needs none;
    None where nothing was played or looked at.
    """
    weights = {name: digest for name, digest in content["made"]["inputs"].items() if name.endswith(WEIGHTS)}
    for name, digest in weights.items():
        return name.removesuffix(WEIGHTS).removeprefix("checkpoints/"), digest
    return (None, None) if "checkpoint" in content["run"] else None


def environment(run: dict) -> str | None:
    """Where a run is played or was recorded: a Gymnasium environment or a BabyAI level."""
    return run.get("environment") or run.get("level")


def simulators(content: dict) -> set[str]:
    """The simulator's packages that a piece of evidence was made with, and their versions."""
    return {f"{name} {version}" for name, version in content["made"]["versions"].items() if name in SIMULATORS}


def learned(results: dict, name: str | None) -> dict:
    """What a checkpoint learned from, and where that was recorded."""
    fetched = results.get("fetched", {}).get(name)
    if fetched:
        values = fetched["values"]
        origin = f"{values['repository']} at {values['commit'][:12]}"
        return {"origin": origin, "learned_from": [values["trained_on"]], "recorded_in": [fetched["run"]["recorded_in"]]}
    run = results.get("training", {}).get(name, {}).get("run", {})
    data = run.get("data", ())
    names = [data] if isinstance(data, str) else list(data)
    known = results.get("datasets", {})
    places = {environment(known[each]["run"]) for each in names if each in known} | {run.get("environment")}
    return {
        "origin": None,
        "learned_from": names or (["its own trials"] if run else []),
        "recorded_in": sorted(places - {None}),
    }
