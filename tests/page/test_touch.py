"""Three things to touch, in a real browser: each gesture changes what it should, and what is shown equals the evidence."""

import re
from contextlib import contextmanager

import mujoco
import numpy as np
import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import expect

from pipeline import files
from pipeline.evidence import arrays, recipes
from pipeline.measures import list_conditionals
from pipeline.show import tabulate
from pipeline.study import studies
from pipeline.worlds import grids
from tests.page.test_site import OPEN

DIAL, HEED, REFINER = "#fig-dt_return_asked_got", "#fig-dt_return_share", "#fig-leap_refinement"
FIGURES = (DIAL, HEED, REFINER)
ASSETS = files.ROOT / "assets/touch"
PATIENCE = 60_000  # milliseconds until what must come counts as not coming
EDGE, MOST = 20, 12_000  # of the dial: pixels beside its axis, points of return at its end


@contextmanager
def visited(site, browser, path="", **options):
    """A page as it comes, pictures out of view not loaded, with the lists of its console messages and of what it loaded."""
    context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce", **options})
    page, messages, loaded = context.new_page(), [], []
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda message: messages.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: messages.append(f"error: {error}"))
    page.on("response", lambda response: loaded.append(response.url))
    try:
        page.goto(site.address + path)
        yield page, messages, loaded
    finally:
        context.close()


@contextmanager
def touched(site, browser, *figures, **options):
    """The page with these explorables in the places of their pictures, the last one in view; it can be touched, too."""
    with visited(site, browser, has_touch=True, **options) as (page, messages, _):
        for figure in figures:
            page.locator(figure).scroll_into_view_if_needed()
            expect(page.locator(figure)).to_have_class(re.compile("touched"), timeout=PATIENCE)
            page.locator(f"{figure} .touch-panel").scroll_into_view_if_needed()
        yield page, messages


def values(kind, name):
    return tabulate.results()[kind][name]["values"]


def module(site, name, expression):
    """A script that evaluates an expression of an explorable's module, `m`."""
    return f"(given) => import('{site.address}assets/touch/{name}.js').then((m) => {expression})"


# ---- how they come, and what stands there without them ----


@pytest.mark.parametrize("path", sorted(ASSETS.iterdir()), ids=lambda path: path.name)
def test_each_file_is_below_10_kb(path):
    assert path.stat().st_size < 10_000


def test_none_of_it_loads_in_the_first_view_and_each_comes_with_its_own_figure(post, browser):
    with visited(post, browser, reduced_motion="no-preference") as (page, messages, loads):
        assert not [url for url in loads if "/assets/touch/" in url]
        page.locator(DIAL).scroll_into_view_if_needed()
        expect(page.locator(DIAL)).to_have_class(re.compile("touched"), timeout=PATIENCE)
        loaded = {url.rpartition("/")[2] for url in loads if "/assets/touch/" in url}
        assert loaded == {"dial.js", "dial.data.js", "runner.js", "shared.js", "touch.css"} and messages == []
        assert not page.locator(f"{DIAL} div.still").is_visible() and not page.locator(f"{DIAL} span.still").is_visible()
        page.locator(f"{DIAL} .touch-track").scroll_into_view_if_needed()
        expect(page.locator(f"{DIAL} .touch-track")).to_have_attribute("data-step", re.compile("[1-9]"), timeout=PATIENCE)
        page.emulate_media(media="print")
        assert page.locator(f"{DIAL} div.still").is_visible() and not page.locator(".touch-panel").first.is_visible()


def test_without_javascript_or_without_its_files_the_picture_stands_there(post, browser):
    with visited(post, browser, java_script_enabled=False) as (page, _, _):
        for figure in FIGURES:
            assert page.locator(f"{figure} div.still").is_visible() and page.locator(f"{figure} span.still").is_visible()
    with visited(post, browser) as (page, _, _):
        page.route("**/touch.css", lambda route: route.abort())
        page.locator(HEED).scroll_into_view_if_needed()
        expect(page.locator(HEED)).to_have_attribute("data-untouched", re.compile("."), timeout=PATIENCE)
        assert page.locator(f"{HEED} div.still").is_visible() and page.locator(f"{HEED} .touch-panel").count() == 0


def test_their_drawers_name_all_evidence_that_they_show(post):
    asked = {f"evaluations/{name}" for names in studies.DIALED.values() for name in names}
    shown = {
        DIAL: asked | {name.replace("evaluations", "rollouts") for name in asked} | {"returns/local_halfcheetah_medium"},
        HEED: {"attention/local_dt_halfcheetah"},
        REFINER: {f"{kind}/local_leap_go_to_local_s8n7" for kind in ("conditionals", "refined")},
    }
    soup = BeautifulSoup((post.directory / "index.html").read_text(encoding="utf-8"), "html.parser")
    for figure, results in shown.items():
        told = soup.select_one(soup.select_one(f"{figure} a.from")["href"]).get_text()
        assert all(f"{result}.json" in told for result in results)


DRAWERS = {  # what opens a drawer of each kind
    "a number": "main a.number[data-from^=evaluations]",
    "a published number": "main a.number[data-from^=published]",
    "a figure": "figure a.from",
    "a table": "p.source a.from",
    "a citation": "main a.cite",
    "a claim that holds": "main a.verdict[aria-label$=': holds']",
    "a claim that holds in part": "main a.verdict[aria-label$='in part']",
    "a claim that does not hold": "main a.verdict[aria-label$='not hold']",
    "a claim not decided": "main a.verdict[aria-label$='not decided']",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_while_they_and_a_drawer_of_each_kind_are_open_and_nothing_is_small_or_wide(post, browser, scheme):
    from axe_playwright_python.sync_playwright import Axe

    with touched(post, browser, *FIGURES, color_scheme=scheme) as (page, messages):
        page.locator(f"{HEED} .touch-choice button.touch-state").click()
        page.locator(f"{REFINER} .touch-tile").nth(2).click()
        opened = [page.locator(link).first.get_attribute("href") for link in DRAWERS.values()]
        page.evaluate(OPEN, opened)
        for width in (320, 360, 768, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            context = {"include": [[part] for part in (*FIGURES, *opened)]}
            found = Axe().run(page, context=context, options={"resultTypes": ["violations"]}).response["violations"]
            assert [(each["id"], each["nodes"][0]["target"]) for each in found] == []
            texts = (
                "[...document.querySelectorAll('.touch-panel *')].filter((e) => [...e.childNodes].some((n) => n.nodeType == 3))"
            )
            assert page.evaluate(f"Math.min(...{texts}.map((e) => parseFloat(getComputedStyle(e).fontSize)))") >= 11
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert messages == []


# ---- the dial ----


def shown_returns(page):
    """The returns at which the dial's dots stand, in order."""
    width = float(page.locator(f"{DIAL} .touch-area svg").get_attribute("width"))
    places = page.locator(f"{DIAL} .touch-dot").evaluate_all("(dots) => dots.map((dot) => dot.style.transform)")
    return np.sort([(float(place.split("(")[1].split("px")[0]) - EDGE) / (width - 2 * EDGE) * MOST for place in places])


def check_dial(page, name):
    """What the dial shows is what was measured of that evaluation, and of its rollout."""
    measured, told = values("evaluations", name), page.locator(f"{DIAL} .touch-told").inner_text()
    np.testing.assert_allclose(shown_returns(page), np.sort(measured["returns"]), atol=0.1)
    low, mean, high = (tabulate.fixed(measured[f"return_{which}"], 0) for which in ("low", "mean", "high"))
    target = recipes.EVALUATIONS[name].run.target_return
    assert f"Asked for {tabulate.fixed(target, 0)}, it returned {mean} on average" in told
    assert f"(95% interval {low} to {high}; {len(measured['returns'])} episodes" in told
    label = page.locator(f"{DIAL} [role=slider]").get_attribute("aria-valuetext")
    assert label == f"asked for {tabulate.fixed(target, 0)}, returned {mean} on average"
    positions = arrays.read(recipes.ROLLOUTS[name])["positions"][40:120, 0]
    speed = (positions[-1] - positions[0]) / (79 * 0.05)
    assert page.locator(f"{DIAL} .touch-track text").last.text_content() == f"{tabulate.fixed(speed, 1)} m/s"


def test_the_dial_shows_what_was_measured_by_keyboard_mouse_and_touch(post, browser):
    narrow, wide = studies.DIALED["narrow"], studies.DIALED["wide"]
    with touched(post, browser, DIAL) as (page, messages):
        handle, area = page.locator(f"{DIAL} [role=slider]"), page.locator(f"{DIAL} .touch-area")
        track = page.locator(f"{DIAL} .touch-track")
        handle.press("ArrowRight")
        assert track.get_attribute("data-step") == "30"  # the one step that readers see who want no motion
        page.locator(f"{DIAL} button", has_text="Run again").click()
        expect(track).to_have_attribute("data-step", "79", timeout=PATIENCE)
        handle.press("Home")
        means = []
        for name in narrow:
            check_dial(page, name)
            means.append(np.mean(shown_returns(page)))
            page.keyboard.press("ArrowRight")
        assert np.ptp(means) < 100  # the dots do not move, whatever is asked for
        assert page.locator(f"{DIAL} .touch-echoes line").count() == len(narrow)
        check_dial(page, narrow[-1])
        box = area.bounding_box()

        def place(asked):
            return EDGE + asked / MOST * (box["width"] - 2 * EDGE)

        page.mouse.move(box["x"] + place(12_000), box["y"] + 36)
        page.mouse.down()
        page.mouse.move(box["x"] + place(3500), box["y"] + 36)
        page.mouse.up()
        check_dial(page, "local_dt_halfcheetah_3600")
        page.touchscreen.tap(box["x"] + place(9300), box["y"] + 100)
        check_dial(page, "local_dt_halfcheetah_9000")
        page.locator(f"{DIAL} button", has_text="wide log").tap()
        handle.focus()
        page.keyboard.press("Home")
        for name in wide:
            check_dial(page, name)
            page.keyboard.press("ArrowUp")
        assert messages == []


def test_the_runner_is_the_simulators_cheetah(post, browser):
    model = mujoco.MjModel.from_xml_path(str(files.ROOT / "assets/wheel/half_cheetah.xml"))
    data = mujoco.MjData(model)
    positions = arrays.read(recipes.ROLLOUTS["local_dt_halfcheetah_9000"])["positions"][::17]
    with visited(post, browser, "404.html") as (page, _, _):
        drawn = page.evaluate(module(post, "runner", "given.map(m.capsules)"), positions.tolist())
    for each, rods in zip(positions, drawn, strict=True):
        data.qpos[:] = each
        mujoco.mj_kinematics(model, data)
        along = data.geom_xmat[1:].reshape(-1, 3, 3)[:, :, 2] * model.geom_size[1:, 1:2]
        ends = np.hstack([(data.geom_xpos[1:] + side * along)[:, [0, 2]] for side in (-1, 1)])
        np.testing.assert_allclose(rods, ends, atol=1e-6)


# ---- look or heed? ----

GROUPS = ("returns_swapped", "states_swapped", "actions_swapped", "latest_return_swapped", "latest_state_swapped")
GROUPS += ("all_but_latest_state_swapped",)


def exact(number, of=None):
    """A movement as the page writes it: with two decimals where the mean is below ten."""
    return tabulate.fixed(number, 2 if (number if of is None else of) < 10 else 0)


def moved(page):
    """Thousandths of torque at which the dots stand on the logarithmic axis, whose ends are 0.01 and 1000."""
    return page.evaluate(
        """(figure) => {
          const dots = [...document.querySelectorAll(`${figure} .touch-moved`)].map((dot) => Number(dot.getAttribute('cx')));
          const grid = [...document.querySelectorAll(`${figure} .touch-grid`)].map((line) => Number(line.getAttribute('x1')));
          const [least, , , most] = grid.slice(-4);
          return dots.map((x) => 0.01 * 10 ** (5 * (x - least) / (most - least)));
        }""",
        HEED,
    )


def looked(page):
    """Shares of attention by the lengths of the bars, where half of all is as long as the grid says."""
    return page.evaluate(
        """(figure) => {
          const bars = [...document.querySelectorAll(`${figure} .touch-bar`)].map((bar) => Number(bar.getAttribute('width')));
          const grid = [...document.querySelectorAll(`${figure} .touch-grid`)].map((line) => Number(line.getAttribute('x1')));
          const [none, half] = grid;
          return bars.map((width) => width / (half - none) / 2);
        }""",
        HEED,
    )


def test_a_guess_reveals_what_moves_the_action_and_layers_what_it_looks_at(post, browser):
    found = values("attention", "local_dt_halfcheetah")
    acting = arrays.read(recipes.ATTENTIONS["local_dt_halfcheetah"])["attention"][:, 0, 58, :59]
    changes = [found["action_change"][group] for group in GROUPS]
    with touched(post, browser, HEED) as (page, messages):
        told, panel = page.locator(f"{HEED} .touch-told"), page.locator(f"{HEED} .touch-panel")
        rows = page.locator(f"{HEED} .touch-row")
        rows.nth(0).click()
        assert moved(page) == [] and told.inner_text() == ""  # nothing is revealed before the guess
        panel.get_by_role("button", name="the 20 returns").first.tap()
        np.testing.assert_allclose(moved(page), [each["mean"] for each in changes], rtol=1e-3)
        states, returns = (exact(changes[at]["mean"]) for at in (1, 0))
        assert told.inner_text().startswith("Not those") and f"by {states} thousandths" in told.inner_text()
        assert told.inner_text().endswith(f"exchanging the 20 returns by {returns}.")
        panel.get_by_role("button", name="the 20 states").first.focus()
        page.keyboard.press("Enter")
        assert told.inner_text().startswith(f"Right: exchanging the 20 states moves the action by {states}")
        for layer in range(3):
            panel.get_by_role("button", name=str(layer + 1), exact=True).click()
            shares = [found["shares"][kind][layer][0]["mean"] for kind in ("return", "state", "action")]
            single = [acting[layer, 57], acting[layer, 58], 1 - acting[layer, 58]]
            np.testing.assert_allclose(looked(page), [*shares, *single], atol=3e-3)
        for place, change in enumerate(changes):
            rows.nth(place).hover()
            mean, low, high = (exact(change[which], of=change["mean"]) for which in ("mean", "low", "high"))
            assert (
                f"moves by {mean} thousandths of full torque (95% interval {low} to {high}; 64 contexts)" in told.inner_text()
            )
            assert page.locator(f"{HEED} .swapped").count() == (20, 20, 19, 1, 1, 58)[place]
        page.locator(f"{HEED} .touch-strip rect").nth(0).click()
        assert rows.nth(0).get_attribute("aria-pressed") == "true"
        panel.get_by_role("button", name="untrained", exact=True).click()
        untrained = [found["action_change_untrained"][group]["mean"] for group in GROUPS]
        np.testing.assert_allclose(moved(page), untrained, rtol=1e-3)
        assert messages == []


# ---- be the refiner ----

LISTED = arrays.read(next(iter(recipes.CONDITIONALS.values())))["costs"].astype(float)
SHOWN = arrays.read(recipes.REFININGS["local_leap_go_to_local_s8n7"])
SIGNS = "↺↻↑PDT"


def costs(plan, place):
    """-log p of each action at a place beside the plan's others, (6,)."""
    others = [action for at, action in enumerate(plan) if at != place]
    return LISTED[place, np.ravel_multi_index(others, [6] * 4)]


def percent(share):
    return "<0.1%" if share < 0.0005 else f"{tabulate.fixed(100 * share, 1 if share < 0.0995 else 0)}%"


def plan_of(page):
    return [SIGNS.find(sign) for sign in page.locator(f"{REFINER} .touch-tile").all_inner_texts()]


def end_of(page):
    """The cell in which the drawn way ends."""
    points = page.locator(f"{REFINER} .touch-way").get_attribute("points")
    return [float(place) - 0.5 for place in points.split()[-1].split(",")]


def test_the_pages_energies_are_the_models(post, browser):
    every = list_conditionals.energies(LISTED)
    plans = [*SHOWN["history"].tolist(), *np.random.default_rng(0).integers(6, size=(40, 5)).tolist()]
    with visited(post, browser, "404.html") as (page, _, _):
        found = page.evaluate(module(post, "refiner", "given.map(m.energy)"), plans)
    np.testing.assert_allclose(found, every[tuple(np.transpose(plans))], atol=1e-3)


def test_a_plan_is_masked_and_chosen_again_by_touch_mouse_and_keyboard(post, browser):
    every = list_conditionals.energies(LISTED)
    with touched(post, browser, REFINER) as (page, messages):
        tiles, told = page.locator(f"{REFINER} .touch-tile"), page.locator(f"{REFINER} .touch-told")
        plan = SHOWN["history"][0].tolist()
        assert plan_of(page) == plan and page.locator(f"{REFINER} .touch-share").all_inner_texts() == [""] * 6

        def check(after):
            assert plan_of(page) == after
            energy = every[tuple(after)]
            assert f"Energy {tabulate.fixed(energy, 4 if energy < 0.095 else 1)} nats" in told.inner_text()
            assert end_of(page) == grids.path(SHOWN["image"], SHOWN["pose"], np.array(after))[-1].tolist()

        check(plan)
        tiles.nth(2).tap()
        assert tiles.nth(2).inner_text() == "?" and tiles.nth(2).get_attribute("aria-label") == "Place 3: masked"
        shares = np.exp(-costs(plan, 2))
        assert page.locator(f"{REFINER} .touch-share").all_inner_texts() == [percent(share) for share in shares]
        page.get_by_role("button", name="Take the likeliest").click()
        plan[2] = int(shares.argmax())
        check(plan)
        tiles.nth(0).focus()
        page.keyboard.press("Enter")
        page.evaluate("Math.random = () => 0.9999")  # draws the last action that has a share worth the name
        page.get_by_role("button", name="Draw one").press("Enter")
        shares = np.exp(-costs(plan, 0))
        plan[0] = int((shares.cumsum() / shares.sum() <= 0.9999).sum())
        check(plan)
        tiles.nth(4).click()
        page.locator(f"{REFINER} .touch-offer").nth(5).tap()
        plan[4] = 5
        check(plan)
        assert "an unlikely action" in told.inner_text()
        assert page.locator(f"{REFINER} circle.touch-mine").count() == 4
        tiles.nth(1).click()
        tiles.nth(1).click()
        check(plan)  # what is masked and let go stays as it was
        assert messages == []


def test_the_scrubber_goes_through_leaps_own_revisions_and_energy_rises_once(post, browser):
    energies, history = SHOWN["energies"], SHOWN["history"]
    rises = [at for at in range(1, 31) if energies[at] > energies[at - 1] + 1e-3]
    assert len(rises) == 1 and rises[0] < 6
    with touched(post, browser, REFINER) as (page, messages):
        scrubber, told = page.locator(f"{REFINER} input"), page.locator(f"{REFINER} .touch-told")
        scrubber.focus()
        for revision in (1, 2, 3, 4, 5, 30):
            page.keyboard.press("ArrowRight" if revision < 6 else "End")
            assert plan_of(page) == history[revision].tolist()
            assert ("up from" in told.inner_text()) == (revision in rises)
            assert told.inner_text().startswith(f"Revision {revision}")
        assert "It ends before its goal." in told.inner_text()
        assert "it rises once" in page.locator(REFINER).inner_text()
        box = scrubber.bounding_box()
        page.touchscreen.tap(box["x"] + 3, box["y"] + box["height"] / 2)
        assert plan_of(page) == history[0].tolist()
        assert messages == []
