"""Draw simulator states as pictures: a still, or a moving picture with a poster for readers who want no motion.

    python -m pipeline make pictures/half_cheetah

Headless: MuJoCo draws by OSMesa (Debian: libosmesa6) unless MUJOCO_GL names another. Nothing is simulated here; the states come
from `results/rollouts/`. Frames that come out blank are refused.
"""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from pipeline import PipelineError, files
from pipeline.evidence import arrays, recipes
from pipeline.evidence.records import Found, Recipe
from pipeline.worlds.world import World, find_world

if TYPE_CHECKING:
    from pipeline.study.pictures import Animation

COLORS = 32
FONT_SIZE = 17
SKY, LIGHT_TILE, DARK_TILE = (255, 255, 255), (238, 241, 245), (214, 221, 230)
TRACK_LENGTH, TRACK_WIDTH, TILE = (
    800.0,
    3.0,
    1.5,
)  # meters; the model's own floor ends after 40 m, less than a cheetah runs in an episode


def choose_library() -> str:
    """The OpenGL library that MUJOCO_GL names, OSMesa where it is not set or empty.

    Raises:
        PipelineError: it names none, or PYOPENGL_PLATFORM names another.
    """
    library, platform = os.environ.get("MUJOCO_GL", "").lower() or "osmesa", os.environ.get("PYOPENGL_PLATFORM", "").lower()
    known = ["osmesa", "egl", "glfw", *{"darwin": ["cgl"], "win32": ["wgl"]}.get(sys.platform, [])]
    if library not in known:
        raise PipelineError(f"MUJOCO_GL = {library} cannot draw here: unset it, or name one of {', '.join(known)}")
    if platform not in ("", library) and library in ("osmesa", "egl"):
        raise PipelineError(f"PYOPENGL_PLATFORM = {platform} contradicts the {library} that MuJoCo draws by: unset it")
    return library


def open_scene(environment: str, width: int, height: int):
    """A simulator that is ready to draw its first frame.

    Raises:
        PipelineError: there is no OpenGL library; MuJoCo looks for one as soon as it is imported.
    """
    os.environ["MUJOCO_GL"] = library = choose_library()
    try:
        import mujoco

        from pipeline.worlds import environments

        simulator = environments.make(environment, render=True, width=width, height=height)
        simulator.reset()
        repaint(simulator.unwrapped.model)
        viewer = simulator.unwrapped.mujoco_renderer._get_viewer("rgb_array")
    except Exception as error:  # the bindings' errors differ by library and version
        raise PipelineError(
            f"frames cannot be drawn, for want of an OpenGL library ({library}: {error}): "
            "on Debian `apt-get install libosmesa6`"
        ) from None
    for effect in ("SHADOW", "REFLECTION", "HAZE"):  # three times faster without, and smaller pictures
        viewer.scn.flags[getattr(mujoco.mjtRndFlag, f"mjRND_{effect}")] = 0
    return simulator


def render(
    environment: str, states: dict[str, np.ndarray], steps: range, width: int, height: int, tick=lambda: None
) -> list[np.ndarray]:
    """Frames (height, width, 3) uint8 of recorded positions and velocities, the camera following the body.

    Args:
        environment: the world they were recorded in.
        states: positions and velocities, each (step, coordinate), as the simulator has them.
        steps: those that are drawn.
        width: of a frame, in pixels.
        height: likewise.
        tick: called after each frame.

    Raises:
        PipelineError: there is no OpenGL library, or a frame is blank.
    """
    simulator = open_scene(environment, width, height)
    frames = []
    for step in steps:
        simulator.unwrapped.set_state(states["positions"][step], states["velocities"][step])
        frame = simulator.render()
        if frame.std() == 0:
            raise PipelineError(f"frame {step} came out blank: another OpenGL context is open in this process")
        frames.append(frame)
        tick()
    simulator.close()
    return frames


def repaint(model) -> None:
    """Give the scene a white sky and a pale, tiled, evenly lit running track: a picture for a page, and a small one.

    Must be called before the first frame, when textures travel to the renderer.
    """
    plane, material = model.geom("floor"), model.mat("MatPlane")
    skybox, checker = 0, int(material.texid[1])
    rows, columns = np.mgrid[: model.tex_height[checker], : model.tex_width[checker]]
    dark = (rows < rows.max() / 2) ^ (columns < columns.max() / 2)
    tiles = np.where(dark[..., None], DARK_TILE, LIGHT_TILE)
    for texture, pixels in ((skybox, np.full((model.tex_height[skybox], model.tex_width[skybox], 3), SKY)), (checker, tiles)):
        start = model.tex_adr[texture]
        model.tex_data[start : start + pixels.size] = pixels.astype(np.uint8).reshape(-1)
    plane.size[:2], plane.rgba[:] = (TRACK_LENGTH / 2, TRACK_WIDTH / 2), 1.0
    material.texrepeat[:] = plane.size[:2] / TILE  # one repeat is two tiles
    material.emission, material.specular, material.reflectance = 1.0, 0.0, 0.0


def caption(frame: np.ndarray, label: str, distance: float) -> np.ndarray:
    """The frame with its label at the left and the distance run at the right."""
    image = Image.fromarray(frame)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(FONT_SIZE)
    pen.rectangle((0, 0, image.width, FONT_SIZE + 9), fill="white")
    pen.text((8, 4), label, fill="#222222", font=font)
    pen.text((image.width - 8, 4), f"{distance:.1f} m", fill="#222222", font=font, anchor="ra")
    return np.asarray(image)


def world_of(rollout: str) -> World:
    """The world that a rollout was played in."""
    return find_world(recipes.EVALUATIONS[recipes.ROLLOUTS[rollout].run.evaluation].run.environment)


def panels(run: Animation, tick) -> list[np.ndarray]:
    """Frames of all rollouts, one above the other."""
    columns = []
    for index, name in enumerate(run.rollouts):
        states = arrays.read(recipes.ROLLOUTS[name])
        steps = range(run.first_step, run.first_step + run.frames)
        if len(states["rewards"]) < steps.stop:
            raise PipelineError(f"{name} ends after {len(states['rewards'])} steps, and {run.name} draws it up to {steps.stop}")
        frames = render(world_of(name).identifier, states, steps, run.width, run.height, tick)
        if run.labels:
            start = states["positions"][run.first_step, 0]
            frames = [
                caption(frame, run.labels[index], states["positions"][step, 0] - start)
                for frame, step in zip(frames, steps, strict=True)
            ]
        columns.append(frames)
    return [np.concatenate(column) for column in zip(*columns, strict=True)]


def shared_palette(frames: list[np.ndarray]) -> Image.Image:
    """One palette for all frames; saturated pixels count more, or the cheetah's feet lose their color."""
    pixels = np.concatenate([frame.reshape(-1, 3) for frame in frames[:: max(1, len(frames) // 8)]])
    saturated = pixels[np.ptp(pixels, axis=1) > 40]
    sample = np.concatenate([pixels, np.repeat(saturated, 20, axis=0)])
    side = int(np.sqrt(len(sample)))
    return Image.fromarray(sample[: side * side].reshape(side, side, 3)).quantize(COLORS, dither=Image.Dither.NONE)


def gif(frames: list[np.ndarray], milliseconds: int, plays: int = 1) -> bytes:
    """An animated GIF, `milliseconds` a frame; played `plays` times."""
    palette = shared_palette(frames)
    images = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    buffer = io.BytesIO()
    options = {} if plays == 1 else {"loop": plays - 1}
    images[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=images[1:],
        duration=milliseconds,
        optimize=False,
        disposal=1,
        **options,
    )
    return buffer.getvalue()


def png(frame: np.ndarray) -> bytes:
    """One frame as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def poses(run: Animation) -> bytes:
    """What the page draws a film from: a module with the runners' labels and, frame by frame, how far each has come since the
    first one and where its limbs are.

    Distances are centimeters; limbs (frame, limb, end, (x, z)) are millimeters from the root's x and the ground.
    """
    from pipeline.measures import imagine
    from pipeline.worlds import environments

    simulator, runners = environments.make(world_of(run.rollouts[0]).identifier), []
    simulator.reset(seed=0)
    for label, name in zip(run.labels, run.rollouts, strict=True):
        positions = arrays.read(recipes.ROLLOUTS[name])["positions"][run.first_step : run.first_step + run.frames]
        limbs = [np.rint(1000 * imagine.limbs(simulator, position[1:], 0.0)).astype(int).reshape(-1) for position in positions]
        far = np.rint(100 * (positions[:, 0] - positions[0, 0])).astype(int)
        runners.append({"label": label, "far": far.tolist(), "limbs": [each.tolist() for each in limbs]})
    simulator.close()
    film = {"rate": world_of(run.rollouts[0]).control_rate, "runners": runners}
    return f"export default {json.dumps(film, separators=(',', ':'))};\n".encode()


def keep(recipe: Recipe, frames: list[np.ndarray], pictures: list[bytes], milliseconds: int, into: Path) -> Found:
    """Write an animation's or a still's files; their size and duration.

    Args:
        recipe: whose files they are.
        frames: pixels (height, width, 3) uint8 of each.
        pictures: the files' bytes, as many as the recipe has outputs; a third is what the page draws in the film's place.
        milliseconds: how long a frame is shown.
        into: the folder below which all is written.
    """
    for output, content in zip(recipe.outputs, pictures, strict=True):
        files.write_bytes(into / output, content)
    height, width, _ = frames[0].shape
    facts = {"width": width, "height": height, "bytes": len(pictures[0]), "frames": len(frames)}
    drawn = {"runners": len(recipe.run.rollouts)} if pictures[2:] else {}
    return Found({**facts, "seconds": len(frames) * milliseconds / 1000, **drawn})


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """One animation or still, written; its size and duration."""
    run = recipe.run
    with tqdm(total=run.frames * len(run.rollouts), unit="frame", desc=run.name) as bar:
        frames = panels(run, bar.update)
    milliseconds = 1000 // world_of(run.rollouts[0]).control_rate
    pictures = [png(frames[0])] if run.frames == 1 else [gif(frames, milliseconds), png(frames[-1]), poses(run)]
    return keep(recipe, frames, pictures, milliseconds, into)
