"""Pictures: real ones, of the size the page is told, small enough, and moving no longer than five seconds."""

import importlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageSequence

from figures import card, style, svg
from pipeline import PipelineError, files
from pipeline.evidence import arrays, recipes, records
from pipeline.show import animate, animate_grid, windows
from pipeline.study import runs
from pipeline.worlds import grids

PICTURES = sorted((files.ROOT / "images").glob("*.[pg]*"))
DRAWINGS = sorted((files.ROOT / "images").glob("*.svg"))


def deviation(path: Path) -> float:
    """The standard deviation of a picture's pixels."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).std()


def test_no_picture_is_blank():
    assert len(PICTURES) > 10 and len(DRAWINGS) > 20
    assert [path.name for path in PICTURES if not deviation(path) > 5] == []


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.name)
def test_a_drawing_takes_its_colors_and_its_type_from_the_page(path):
    content = path.read_text(encoding="utf-8")
    known = {f"var(--{name}, {color.lower()})" for color, name in style.VARIABLES.items()}
    assert (
        set(re.findall(r"var\([^)]*\)", content)) <= known
        and "font-family" not in content
        and "data:image" not in content
        and "<style" not in content
    )
    colors = set(re.findall(r"#[0-9a-f]{6}", re.sub(r"var\([^)]*\)", "", content)))
    assert not colors or "attention_map" in path.name or path.name.startswith("leap_baby_ai"), "which have scales of color"
    sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", content)]
    assert min(sizes) >= 11 and "_{" not in content


PLATE = re.compile(r'<svg class="plate".*? width="(.*?)" height="(.*?)" viewBox="(.*?) 0 (.*?) 1".*?href="(.*?)" width="(.*?)"')


def test_a_plate_is_as_wide_and_high_as_the_columns_that_it_shows():
    found = {(path.name, *plate) for path in DRAWINGS for plate in PLATE.findall(path.read_text(encoding="utf-8"))}
    assert {name for name, *_ in found} >= {"attention_maps.svg", "attention_maps_narrow.svg", "leap_refinement.svg"}
    for name, width, height, start, count, picture, whole in found:
        with Image.open(files.ROOT / "images" / picture) as image:
            shown = image.width * int(count) / int(whole)
            assert float(width) / float(height) == pytest.approx(shown / image.height, rel=0.003), name
            assert shown.is_integer() and int(start) + int(count) <= int(whole), name


def test_no_id_of_a_drawing_is_anothers():
    ids = [name for path in DRAWINGS for name in re.findall(r' id="([^"]*)"', path.read_text(encoding="utf-8"))]
    assert len(ids) == len(set(ids))


def test_a_letter_with_a_subscript_is_written_as_such_and_what_follows_stands_on_the_line():
    said = svg.subscripts("reward r_{t} and state s_{t+1}")
    assert re.sub("<[^>]*>", "", said) == "reward rt and state st+1"
    assert said.count('dy="3"') == 2 and said.count('dy="-3"') == 1


@pytest.mark.parametrize(
    "name", [name for name, recipe in recipes.SOURCES["local"]["animate"].items() if recipe.run.frames > 1]
)
def test_a_films_poses_are_those_of_its_rollouts(name):
    recipe = recipes.ANIMATIONS[name]
    content = (files.ROOT / recipe.outputs[2]).read_text(encoding="utf-8")
    film = json.loads(content.removeprefix("export default ").rstrip(";\n"))
    assert [runner["label"] for runner in film["runners"]] == list(recipe.run.labels) and film["rate"] == 20
    steps = slice(recipe.run.first_step, recipe.run.first_step + recipe.run.frames)
    for runner, rollout in zip(film["runners"], recipe.run.rollouts, strict=True):
        x = arrays.read(recipes.ROLLOUTS[rollout])["positions"][steps, 0]
        assert np.allclose(np.array(runner["far"]) / 100, x - x[0], atol=0.006)
        limbs = np.array(runner["limbs"]).reshape(recipe.run.frames, 8, 2, 2)
        assert limbs[..., 1].min() > -100 and limbs[..., 1].max() < 2500, "feet on the ground, a trunk above it"
        lengths = np.linalg.norm(limbs[:, :, 1] - limbs[:, :, 0], axis=-1)
        assert np.ptp(lengths, axis=0).max() <= 4, "limbs do not grow"


def test_the_page_is_told_each_pictures_true_size():
    told, true = {}, {}
    for recipe in (recipe for task in recipes.DRAWN for recipe in recipes.SOURCES["local"][task].values()):
        values = records.read(recipe.path())["values"]
        for output in (output for output in recipe.outputs if not output.endswith(".js")):
            facts = style.picture_facts((files.ROOT / output).read_bytes())
            kind = "narrow" if "_narrow" in output else "pixels" if output.endswith(".png") else ""
            said = values.get(kind, values)
            told[output], true[output] = (said["width"], said["height"]), (facts["width"], facts["height"])
            if output.endswith(".svg"):
                assert said["bytes"] == facts["bytes"], output
    assert told == true and len(told) > 20


def test_moving_pictures_are_small_short_and_play_once():
    found = {}
    for path in (path for path in PICTURES if path.suffix == ".gif"):
        with Image.open(path) as image:
            milliseconds = sum(frame.info["duration"] for frame in ImageSequence.Iterator(image))
            found[path.name] = (path.stat().st_size <= 600_000, milliseconds <= 5000, "loop" not in image.info)
    assert found and found == dict.fromkeys(found, (True, True, True)), "small, short, once"


@pytest.mark.parametrize(
    "name", [name for name, recipe in recipes.SOURCES["local"]["animate"].items() if recipe.run.frames > 1]
)
def test_a_film_shows_the_seconds_that_flatter_nobody(name):
    run = recipes.ANIMATIONS[name].run
    rolled = [recipes.ROLLOUTS[rollout] for rollout in run.rollouts]
    positions = [arrays.read(recipe)["positions"][:, 0] for recipe in rolled]
    means = [records.read(recipes.EVALUATIONS[recipe.run.evaluation].path())["values"]["return_mean"] for recipe in rolled]
    assert run.first_step == windows.fairest(positions, means, run.frames)
    covered = [place[run.first_step + run.frames - 1] - place[run.first_step] for place in positions]
    assert np.argsort(covered).tolist() == np.argsort(means).tolist(), "who scores more is ahead"


def test_the_card_shows_the_window_and_the_runners_of_its_film():
    film = recipes.ANIMATIONS["tt_half_cheetah"].run
    assert (film.first_step, film.first_step + film.frames - 1) == (card.FIRST, card.LAST)
    assert {f"rollouts/{name}" for name in film.rollouts} == {name for name, _ in card.RUNNERS}


def test_the_fairest_window_is_the_one_whose_distances_stand_as_the_returns():
    slow, fast = np.arange(10.0), np.concatenate([np.arange(5.0), 4 + 2 * np.arange(1, 6.0)])
    assert windows.fairest([slow, fast], [1000.0, 1000.0], 4) == 0
    assert windows.fairest([slow, fast], [1000.0, 2000.0], 4) == 4
    assert windows.fairest([slow, fast, -slow], [1000.0, 2000.0, -5.0], 4) == 4, "who runs backward has no part in it"


def test_the_maze_film_ends_before_the_goal_that_it_rings():
    recipe = recipes.GRID_ANIMATIONS["leap_baby_ai_maze"]
    walk = arrays.read(recipes.WALKS[recipe.run.walk])
    mission = records.read(recipes.WALKS[recipe.run.walk].path())["values"]["mission"]
    ((x, y),) = animate_grid.goals(walk["images"][-1], mission)
    image, pose, plan = animate_grid.end(walk)
    assert tuple(pose[:2] + grids.STEPS[pose[2]]) == (x, y) and len(plan) == 0
    bare, ringed = (animate_grid.frame(image, pose, plan, 20, text) for text in ("go to the red ball", mission))
    assert (bare[28:] != ringed[28:]).any()


def test_the_runner_moves_and_stays_in_the_picture():
    with Image.open(files.ROOT / "images" / "half_cheetah.gif") as image:
        frames = [np.asarray(frame.convert("RGB")).astype(int) for frame in ImageSequence.Iterator(image)]
    lowest = frames[0].shape[0] * 2 // 3  # the panel of the Decision Transformer
    for frame in frames[::10]:
        panel = frame[lowest + 30 :]
        brown = (panel[..., 0] - panel[..., 2]) > 40
        assert 200 < brown.sum() < 5000
        columns = np.flatnonzero(brown.any(axis=0))
        assert columns.min() > 40 and columns.max() < frame.shape[1] - 40
    assert np.abs(frames[0] - frames[40]).mean() > 1


def test_a_gif_keeps_saturated_colors():
    grey = np.full((60, 80, 3), 200, np.uint8)
    grey[:6, :6] = (200, 60, 60)
    noisy = [
        np.clip(grey + np.random.default_rng(seed).integers(-60, 40, grey.shape[:2])[..., None], 0, 255).astype(np.uint8)
        for seed in range(3)
    ]
    palette = np.asarray(animate.shared_palette(noisy).getpalette()).reshape(-1, 3)
    assert (palette[:, 0] - palette[:, 1] > 60).any()


def test_without_an_opengl_library_there_is_one_sentence_and_the_cure(monkeypatch):
    from pipeline.worlds import environments

    def fail(*arguments, **options):
        raise AttributeError("'NoneType' object has no attribute 'glGetError'")

    monkeypatch.setattr(environments, "make", fail)
    with pytest.raises(PipelineError, match=r"OpenGL library .*libosmesa6"):
        animate.render("HalfCheetah-v4", {}, range(1), 64, 64)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"MUJOCO_GL": "disabled"}, "MUJOCO_GL = disabled cannot draw here: unset it, or name one of osmesa, egl, glfw"),
        ({"MUJOCO_GL": "osmessa"}, "MUJOCO_GL = osmessa cannot draw here"),
        ({"MUJOCO_GL": "", "PYOPENGL_PLATFORM": "egl"}, "PYOPENGL_PLATFORM = egl contradicts the osmesa .*: unset it"),
    ],
)
def test_a_setting_of_opengl_that_cannot_draw_is_named(monkeypatch, settings, said):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(PipelineError, match=said):
        animate.open_scene("HalfCheetah-v4", 64, 64)


@pytest.mark.parametrize(("setting", "library"), [("", "osmesa"), ("EGL", "egl"), ("glfw", "glfw")])
def test_an_empty_setting_of_opengl_is_none(monkeypatch, setting, library):
    monkeypatch.setenv("MUJOCO_GL", setting)
    monkeypatch.delenv("PYOPENGL_PLATFORM", raising=False)
    assert animate.choose_library() == library


def test_a_blank_frame_is_refused(monkeypatch):
    class Blank:
        unwrapped = property(lambda self: self)

        def set_state(self, *state):
            pass

        def render(self):
            return np.zeros((8, 8, 3), np.uint8)

    monkeypatch.setattr(animate, "open_scene", lambda *arguments: Blank())
    with pytest.raises(PipelineError, match="came out blank"):
        animate.render("HalfCheetah-v4", {"positions": np.zeros((1, 9)), "velocities": np.zeros((1, 9))}, range(1), 8, 8)


def test_frames_are_drawn_without_a_screen():
    states = {"positions": np.zeros((2, 9)), "velocities": np.zeros((2, 9))}
    frames = animate.render("HalfCheetah-v4", states, range(2), 96, 64)
    assert frames[0].shape == (64, 96, 3) and frames[0].std() > 5
    assert np.array_equal(*frames), "the same state must give the same picture"


@pytest.mark.parametrize("name", recipes.SOURCES["hub"]["figures"])
def test_a_picture_of_a_published_checkpoint_is_drawn_as_that_of_ours(name):
    """The same evidence under the hub's names gives the same pixels."""
    ours = style.data_of(recipes.FIGURES[name.removeprefix("hub_")])
    theirs = {runs.twin(read): values for read, values in ours.items()}
    assert theirs.keys() == set(recipes.FIGURES[name].run.reads)
    drawn = [pixels(module(name), theirs), pixels(module(name.removeprefix("hub_")), ours)]
    assert np.array_equal(*drawn) and drawn[0].std() > 5
    if recipes.FIGURES[name].run.pixels:
        assert np.array_equal(module(name).pixels(theirs), module(name.removeprefix("hub_")).pixels(ours))


def module(name: str):
    return importlib.import_module(f"figures.{name}")


def pixels(script, data: dict) -> np.ndarray:
    figure = Figure(figsize=(8, 4), dpi=50)
    FigureCanvasAgg(figure)
    script.draw(figure, data)
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba()).astype(int)


def test_what_is_written_of_an_animation_is_its_size_and_how_long_it_is_seen(tmp_path):
    recipe = next(recipe for recipe in recipes.ANIMATIONS.values() if len(recipe.outputs) == 3)
    frames = [np.zeros((3, 5, 3), dtype=np.uint8)] * 8
    values = animate.keep(recipe, frames, [b"film", b"a still", b"poses"], 250, tmp_path).values
    assert [(tmp_path / output).read_bytes() for output in recipe.outputs] == [b"film", b"a still", b"poses"]
    assert values == {"width": 5, "height": 3, "bytes": 4, "frames": 8, "seconds": 2.0, "runners": len(recipe.run.rollouts)}
