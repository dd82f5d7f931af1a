"""The cheetah on the built page: from the button that loads it to every control, in chromium."""

import json
import re
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.page.test_site import opened
from tests.wheel.test_drivers import ask

ROOT = Path(__file__).resolve().parents[2]
POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; script-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'"
)
PATIENCE = 120_000  # milliseconds until a state that must come counts as one that does not


@contextmanager
def asked(site, browser, **options):
    """The page scrolled to the cheetah, its button in view; with its messages and responses."""
    with opened(site, browser, **{"reduced_motion": "no-preference", **options}) as (page, messages, responses):
        page.set_default_timeout(PATIENCE)
        page.locator(".wheel").scroll_into_view_if_needed()
        yield page, messages, responses


@contextmanager
def running(site, browser, **options):
    """The page with cheetahs that run."""
    with asked(site, browser, **options) as (page, messages, responses):
        page.click(".wheel-offer button")
        state(page, "running")
        yield page, messages, responses


def state(page, wanted):
    """Wait until the cheetahs run, or stand."""
    expect(page.locator(".wheel")).to_have_attribute("data-state", wanted, timeout=PATIENCE)


def lane(page, number):
    """A lane: 0 is the upper one."""
    return page.locator(".wheel-lane").nth(number)


def steps(page):
    """Control steps that the lanes have taken."""
    return int(lane(page, 0).locator("[data-told=steps]").inner_text())


def poll(page, script, argument=None):
    """Wait until a script gives something true, and return it; playwright's own waiting needs what the policy forbids."""
    for _ in range(PATIENCE // 20):
        if found := page.evaluate(script, argument):
            return found
        page.wait_for_timeout(20)
    raise AssertionError(f"never true: {script}")


def step_on(page, count):
    """Wait until the lanes have taken some more steps."""
    target = steps(page) + count
    poll(page, "(target) => Number(document.querySelector('[data-told=steps]').textContent) >= target", target)


WATCH = """(name) => {
  const lane = document.querySelector('.wheel-lane');
  window.kept = [];
  const keep = () => kept.push(Number(lane.dataset[name]));
  new MutationObserver(keep).observe(lane, { attributeFilter: [`data-${name}`] });
}"""  # has the page keep every value of the upper lane's data attribute, from now on


# ---- before the click, and through it ----


def test_nothing_of_the_cheetah_is_loaded_before_the_click(post, browser):
    with asked(post, browser) as (page, messages, responses):
        assert page.locator(".wheel-offer button").is_visible()
        assert [url for url, _ in responses if "/assets/wheel/" in url] == []
        assert messages == []


def test_without_javascript_a_picture_and_a_sentence_stand_there(post, browser):
    with opened(post, browser, java_script_enabled=False) as (page, _, _):
        assert page.locator(".wheel img").is_visible() and page.locator(".wheel noscript p").is_visible()
        assert not page.locator(".wheel-offer").is_visible()


def test_the_click_loads_what_it_said_from_this_host_and_the_policy_stays(post, browser):
    with running(post, browser) as (page, messages, responses):
        step_on(page, 5)
        assert messages == []
        assert [each for each in responses if each[1] != 200 or not each[0].startswith(post.address)] == []
        assert page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content") == POLICY
        loaded = {url for url, _ in responses if "/assets/wheel/" in url}
        bytes_ = sum((post.directory / url.removeprefix(post.address)).stat().st_size for url in loaded)
        told = int(page.locator(".wheel").get_attribute("data-bytes"))
        assert bytes_ <= told <= min(6_500_000, 1.02 * bytes_)


def test_each_driver_says_what_it_loads(post, browser):
    drivers = json.loads((ROOT / "assets/wheel/drivers.json").read_text(encoding="utf-8"))
    with running(post, browser) as (page, _, _):
        labels = lane(page, 0).locator("option").all_inner_texts()
    for driver, label in zip(drivers, labels, strict=True):
        assert label.startswith(driver["label"])
        folder = post.directory / "assets/wheel/checkpoints" / driver.get("checkpoint", "none")
        size = sum(path.stat().st_size for path in folder.glob("*")) / 1e6
        free = driver.get("checkpoint") in (None, drivers[0]["checkpoint"])
        assert free == ("MB" not in label)
        assert free or float(re.search(r"loads ([\d.]+) MB", label)[1]) == pytest.approx(size, abs=0.06)


def test_the_site_is_no_larger_than_30_mb(post):
    assert sum(path.stat().st_size for path in post.directory.rglob("*") if path.is_file()) <= 30e6


def test_checkpoints_are_published_byte_for_byte(post):
    published = sorted((post.directory / "assets/wheel/checkpoints").rglob("*.*"))
    assert published
    for path in published:
        assert path.read_bytes() == (ROOT / "checkpoints" / path.parent.name / path.name).read_bytes()


def test_what_is_borrowed_names_its_license_on_the_page(post, browser):
    with opened(post, browser) as (page, _, _):
        links = page.locator("main a[href$='LICENSE.txt']").evaluate_all("(links) => links.map((link) => link.href)")
    texts = [(post.directory / link.removeprefix(post.address)).read_text(encoding="utf-8") for link in links]
    assert "Apache License" in texts[0] and "Farama Foundation" in texts[1]


# ---- controls ----


def test_pause_stops_the_clock_and_start_anew_begins_an_episode(post, browser):
    with running(post, browser) as (page, _, _):
        step_on(page, 5)
        page.click(".wheel-run")
        state(page, "paused")
        before = steps(page)
        page.click(".wheel-restart")
        expect(lane(page, 0).locator("[data-told=steps]")).to_have_text("0")
        assert before >= 5
        page.click(".wheel-run")
        state(page, "running")
        step_on(page, 3)


@pytest.mark.parametrize("push", ["forward", "back", "lift", "tip"])
def test_a_push_is_felt_and_a_second_later_no_force_is_left(push, post, browser):
    with running(post, browser) as (page, _, _):
        page.evaluate(WATCH, "force")
        page.click(f"[data-push={push}]")
        poll(page, "kept.some(Boolean)")
        step_on(page, 20)
        kept = page.evaluate("kept")
        assert kept[-1] == 0 and 1 <= sum(map(bool, kept)) <= 4


def test_the_pointer_drags_a_cheetah_and_lets_it_go(post, browser):
    with running(post, browser) as (page, _, _):
        lane(page, 0).locator(".wheel-track").hover(position={"x": 200, "y": 30})
        page.evaluate(WATCH, "force")
        page.mouse.down()
        poll(page, "kept.some(Boolean)")
        page.mouse.up()
        poll(page, "kept.at(-1) === 0")
        assert lane(page, 1).get_attribute("data-force") == "0"


def test_another_driver_takes_a_lane_and_tells_of_itself(post, browser):
    with running(post, browser) as (page, messages, responses):
        assert lane(page, 1).locator("[data-told=asked]").inner_text() == ", asked for 12\u202f000"
        assert lane(page, 0).locator(".wheel-attention").is_visible()
        lane(page, 0).locator("select").select_option("td3bc")
        expect(lane(page, 0).locator("[data-told=asked]")).to_have_text("", timeout=PATIENCE)
        expect(lane(page, 0).locator(".wheel-attention")).to_be_hidden()
        state(page, "running")
        step_on(page, 3)
        assert messages == [] and any("local_td3bc_halfcheetah_s0" in url for url, _ in responses)


def test_the_trajectory_transformer_plans_and_says_that_it_is_slow(post, browser):
    with running(post, browser) as (page, messages, _):
        lane(page, 1).locator("select").select_option("tt_8")
        expect(lane(page, 1).locator("[data-told=asked]")).to_have_text("", timeout=PATIENCE)
        expect(lane(page, 1).locator("[data-told=milliseconds]")).not_to_have_text("0.0", timeout=PATIENCE)
        expect(page.locator(".wheel-pace")).to_contain_text("Slow motion", timeout=PATIENCE)
        assert messages == []


def test_the_reader_takes_the_torques_by_keys_and_by_thumbs(post, browser):
    with running(post, browser) as (page, messages, _):
        assert page.locator(".wheel-hands").is_hidden()
        lane(page, 0).locator("select").select_option("you")
        expect(page.locator(".wheel-hands")).to_be_focused()
        expect(lane(page, 0)).to_have_attribute("data-torque", "0.00", timeout=PATIENCE)
        page.keyboard.down("a")
        expect(lane(page, 0)).to_have_attribute("data-torque", "1.00", timeout=PATIENCE)
        page.keyboard.up("a")
        expect(lane(page, 0)).to_have_attribute("data-torque", "0.00", timeout=PATIENCE)
        page.locator(".wheel-pad").first.hover(position={"x": 8, "y": 60})
        page.mouse.down()
        expect(lane(page, 0)).to_have_attribute("data-torque", "1.00", timeout=PATIENCE)
        page.mouse.up()
        expect(lane(page, 0)).to_have_attribute("data-torque", "0.00", timeout=PATIENCE)
        assert messages == []


def test_every_control_is_reached_by_the_keyboard(post, browser):
    with running(post, browser) as (page, _, _):
        page.locator(".wheel select").first.focus()
        reached = []
        for _ in range(8):
            reached.append(page.evaluate("document.activeElement.textContent.trim().split('\\n')[0]"))
            page.keyboard.press("Tab")
        assert reached[2:] == ["Pause", "Start anew", "Push", "Push back", "Lift", "Tip over"]


def test_nothing_runs_out_of_view_or_in_a_hidden_tab(post, browser):
    with running(post, browser) as (page, _, _):
        page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
        state(page, "paused")
        page.locator(".wheel-run").scroll_into_view_if_needed()
        state(page, "running")
        page.evaluate(
            "Object.defineProperty(document, 'hidden', { value: true }), document.dispatchEvent(new Event('visibilitychange'))"
        )
        state(page, "paused")


def test_readers_who_want_less_motion_start_it_themselves(post, browser):
    with asked(post, browser, reduced_motion="reduce") as (page, messages, _):
        page.click(".wheel-offer button")
        expect(page.locator(".wheel-run")).to_have_text("Run", timeout=PATIENCE)
        state(page, "paused")
        assert steps(page) == 0
        page.click(".wheel-run")
        step_on(page, 3)
        assert messages == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 360)])
def test_axe_finds_nothing_while_it_runs(scheme, width, post, browser):
    from axe_playwright_python.sync_playwright import Axe

    with running(post, browser, color_scheme=scheme, viewport={"width": width, "height": 900}) as (page, _, _):
        lane(page, 1).locator("select").select_option("you")
        expect(page.locator(".wheel-hands")).to_be_visible()
        found = Axe().run(page, context=".wheel", options={"resultTypes": ["violations"]}).response["violations"]
        assert [(each["id"], each["nodes"][0]["target"]) for each in found] == []


@pytest.mark.parametrize("width", [320, 360, 768, 1024, 1440])
def test_it_fits_the_window_while_it_runs(width, post, browser):
    with running(post, browser, viewport={"width": width, "height": 900}) as (page, _, _):
        lane(page, 0).locator("select").select_option("you")
        expect(page.locator(".wheel-hands")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


# ---- what the browser computes ----


EPISODE = """new Promise((resolve, reject) => {
  const worker = new Worker(%s, { type: 'module' }), totals = [];
  worker.onmessage = ({ data }) => {
    if (data.failed) reject(data.failed);
    if (data.seated) worker.postMessage({ run: true });
    if (data.frame) worker.postMessage({ taken: true });
    if (data.frame && totals.push(data.frame.map(({ total }) => total)) === 60) {
      worker.terminate();
      resolve(totals);
    }
  };
  worker.postMessage({ seat: ['bc', 'dt_12000'] });
})"""  # the totals (step, lane) of an episode's first 60 steps, by a worker of its own


def test_a_browsers_episode_is_nodes_to_the_last_digit(post, browser):
    with opened(post, browser) as (page, _, _):
        found = page.evaluate(EPISODE % json.dumps(post.address + "assets/wheel/worker.js"))
    for number, driver in enumerate(("bc", "dt_12000")):
        assert [totals[number] for totals in found] == ask("paths", driver=driver, steps=60)


# ---- where it cannot run ----

LACKING = {
    "has no WebAssembly": "delete globalThis.WebAssembly",
    "no 128-bit SIMD": "void (WebAssembly.validate = () => false)",
    "has no workers": "delete globalThis.Worker",
    "starts no module workers": "void (globalThis.Worker = class extends Worker { constructor(address) { super(address); } })",
    "has no DecompressionStream": "delete globalThis.DecompressionStream",
}


@pytest.mark.parametrize(("words", "script"), LACKING.items())
def test_a_browser_that_lacks_something_is_told_so_in_a_sentence(words, script, post, browser):
    with asked(post, browser) as (page, _, _):
        page.evaluate(script)
        page.click(".wheel-offer button")
        told = page.locator(".wheel-offer [role=status]")
        expect(told).to_contain_text(words, timeout=PATIENCE)
        assert re.fullmatch(r"[A-Z][^.]*\.", told.inner_text())


def test_a_missing_file_is_told_in_a_sentence_and_can_be_tried_again(post, browser):
    with asked(post, browser) as (page, _, _):
        missing = "**/half_cheetah.xml"
        page.context.route(missing, lambda route: route.fulfill(status=404))
        page.click(".wheel-offer button")
        expect(page.locator(".wheel-offer [role=status]")).to_contain_text(
            "half_cheetah.xml could not be loaded (404).", timeout=PATIENCE
        )
        page.context.unroute(missing)
        page.click(".wheel-offer button")
        state(page, "running")


def test_a_driver_that_cannot_be_loaded_leaves_the_others_running(post, browser):
    with running(post, browser) as (page, _, _):
        page.context.route("**/local_bc_halfcheetah_s0/*", lambda route: route.fulfill(status=404))
        lane(page, 0).locator("select").select_option("bc")
        expect(page.locator(".wheel-status")).to_contain_text("could not be loaded (404).", timeout=PATIENCE)
        assert lane(page, 0).locator("select").input_value() == "dt_0"
        state(page, "running")
        step_on(page, 3)
