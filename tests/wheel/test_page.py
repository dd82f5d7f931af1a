"""The cheetah on the built page: from the button that loads it to every control, in chromium."""

import json
import re
from contextlib import contextmanager
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
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


@pytest.fixture(scope="module")
def offer(post, browser):
    """A page whose button nobody has clicked with success: with its messages and responses."""
    with asked(post, browser) as found:
        yield found


@pytest.fixture(scope="module")
def clicked(post, browser):
    """One page with cheetahs that run at the second click, after a file was missing at the first; tests take `running`."""
    with asked(post, browser) as (page, messages, responses):
        fail(page, "half_cheetah.xml", "half_cheetah.xml could not be loaded (404).")
        messages.clear()
        page.click(".wheel-offer button")
        state(page, "running")
        yield page, messages, responses


def fail(page, file, words):
    """Have a click on the button fail for want of a file, and see that it is told."""
    page.context.route(f"**/{file}", lambda route: route.fulfill(status=404))
    page.click(".wheel-offer button")
    expect(page.locator(".wheel-offer [role=status]")).to_contain_text(words, timeout=PATIENCE)
    page.context.unroute(f"**/{file}")


@pytest.fixture
def running(clicked):
    """The page as it is after the click; it has said nothing afterwards either."""
    page, messages, _ = clicked
    page.set_viewport_size({"width": 1440, "height": 900})
    page.locator(".wheel-lanes").scroll_into_view_if_needed()
    if page.locator(".wheel-more").inner_text() == "Back to two lanes":
        page.click(".wheel-more")
    for number, driver in enumerate(("dt_0", "dt_12000")):
        choose(page, number, driver)
    if page.locator(".wheel-run").inner_text() == "Run":
        page.click(".wheel-run")
    state(page, "running")
    yield page
    assert messages == []


def state(page, wanted):
    """Wait until the cheetahs run, or stand."""
    expect(page.locator(".wheel")).to_have_attribute("data-state", wanted, timeout=PATIENCE)


def lane(page, number):
    """A lane, counted from 0."""
    return page.locator(".wheel-lane").nth(number)


def choose(page, number, driver):
    """Give a lane to a driver, unless it has it, and wait until it drives."""
    select = lane(page, number).locator("select")
    if select.input_value() != driver:
        select.select_option(driver)
        expect(page.locator(".wheel")).to_have_attribute(
            "data-drivers", re.compile(rf"(\S+ ){{{number}}}{driver}\b"), timeout=PATIENCE
        )


def steps(page):
    """Control steps that the lanes have taken."""
    return int(page.locator(".wheel-step").inner_text())


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
    poll(page, "(target) => Number(document.querySelector('.wheel-step').textContent) >= target", target)


WATCH = """(name) => {
  const lane = document.querySelector('.wheel-lane');
  window.kept = [];
  window.watcher?.disconnect();
  window.watcher = new MutationObserver(() => kept.push(Number(lane.dataset[name])));
  watcher.observe(lane, { attributeFilter: [`data-${name}`] });
}"""  # has the page keep every value of the first lane's data attribute, from now on


# ---- before the click, and through it ----


def test_nothing_of_the_cheetah_is_loaded_before_the_click(post, browser):
    with asked(post, browser) as (page, messages, responses):
        assert page.locator(".wheel-offer button").is_visible()
        assert [url for url, _ in responses if "/assets/wheel/" in url] == []
        assert messages == []


def test_without_javascript_a_picture_and_a_sentence_stand_there(post, browser):
    with opened(post, browser, java_script_enabled=False) as (page, _, _):
        assert page.locator(".wheel-before .drawing:visible").count() == 1 and page.locator(".wheel noscript p").is_visible()
        assert not page.locator(".wheel-offer").is_visible()


def test_the_click_loads_what_it_said_from_this_host_and_the_policy_stays(post, browser):
    with asked(post, browser, reduced_motion="reduce") as (page, messages, responses):
        page.click(".wheel-offer button")
        state(page, "paused")  # readers who want less motion start it themselves
        assert steps(page) == 0
        page.click(".wheel-run")
        step_on(page, 3)
        assert messages == []
        assert [each for each in responses if each[1] != 200 or not each[0].startswith(post.address)] == []
        assert page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content") == POLICY
        loaded = {url for url, _ in responses if "/assets/wheel/" in url}
        bytes_ = sum((post.directory / url.removeprefix(post.address)).stat().st_size for url in loaded)
        told = int(page.locator(".wheel").get_attribute("data-bytes"))
        assert bytes_ <= told <= min(6_500_000, 1.02 * bytes_)


def test_each_driver_says_what_it_loads(post):
    drivers = json.loads((ROOT / "assets/wheel/drivers.json").read_text(encoding="utf-8"))
    built = BeautifulSoup((post.directory / "index.html").read_text(encoding="utf-8"), "html.parser")
    options = built.select(".wheel template option")
    for driver, label in zip(drivers, (option.decode_contents() for option in options), strict=True):
        assert label.startswith(driver["label"])
        folder = post.directory / "assets/wheel/checkpoints" / driver.get("checkpoint", "none")
        size = sum(path.stat().st_size for path in folder.glob("*")) / 1e6
        free = driver.get("checkpoint") in (None, drivers[0]["checkpoint"])
        assert free == ("MB" not in label)
        assert free or float(re.search(r"loads ([\d.]+) MB", label)[1]) == pytest.approx(size, abs=0.06)
        if driver["name"] == "wide_0":
            assert re.search(r"\(.*", built.select_one(".wheel template .wheel-more")["data-more"])[0] in label


def test_the_site_is_no_larger_than_30_mb(post):
    assert sum(path.stat().st_size for path in post.directory.rglob("*") if path.is_file()) <= 30e6


def test_checkpoints_are_published_byte_for_byte(post):
    published = sorted((post.directory / "assets/wheel/checkpoints").rglob("*.*"))
    assert published
    for path in published:
        assert path.read_bytes() == (ROOT / "checkpoints" / path.parent.name / path.name).read_bytes()


def test_what_is_borrowed_names_its_license_on_the_page(post):
    built = BeautifulSoup((post.directory / "index.html").read_text(encoding="utf-8"), "html.parser")
    texts = [
        (post.directory / link["href"]).read_text(encoding="utf-8") for link in built.select("main a[href$='LICENSE.txt']")
    ]
    assert "Apache License" in texts[0] and "Farama Foundation" in texts[1]


# ---- controls ----


def test_pause_stops_the_clock_and_start_anew_begins_an_episode(running):
    step_on(running, 5)
    running.click(".wheel-run")
    state(running, "paused")
    assert steps(running) >= 5
    running.click(".wheel-restart")
    expect(running.locator(".wheel-step")).to_have_text("0", timeout=PATIENCE)
    running.click(".wheel-run")
    state(running, "running")
    step_on(running, 3)


def test_every_push_is_felt_and_a_second_later_no_force_is_left(running):
    for push in ("forward", "back", "lift", "tip"):
        running.evaluate(WATCH, "force")
        running.click(f"[data-push={push}]")
        poll(running, "kept.some(Boolean) && kept.at(-1) === 0")
    step_on(running, 20)
    kept = running.evaluate("kept")  # of the last one
    assert kept[-1] == 0 and 1 <= sum(map(bool, kept)) <= 4


def test_presses_while_it_stands_are_one_push(running):
    running.click(".wheel-run")
    state(running, "paused")
    running.evaluate(WATCH, "force")
    for _ in range(10):
        running.click("[data-push=forward]")
    running.click(".wheel-run")
    poll(running, "kept.some(Boolean) && kept.at(-1) === 0")
    assert max(running.evaluate("kept")) <= 400  # newtons, of one push


TOUCHED = """([share, height]) => {
  const track = document.querySelector(".wheel-track"), { left, top, width } = track.getBoundingClientRect();
  const touch = new Touch({ identifier: 1, target: track, clientX: left + share * width, clientY: top + height });
  return !track.dispatchEvent(new TouchEvent("touchstart", { touches: [touch], cancelable: true, bubbles: true }));
}"""  # whether a finger, at a share of the track's width and so many pixels from its top, keeps the page from scrolling


def test_a_finger_on_the_cheetah_drags_it_and_one_beside_it_scrolls(running):
    running.click(".wheel-run")
    state(running, "paused")
    heights = range(0, int(running.locator(".wheel-track").first.bounding_box()["height"]), 8)
    assert any(running.evaluate(TOUCHED, [0.5, height]) for height in heights)
    assert not any(running.evaluate(TOUCHED, [0.05, height]) for height in heights)


def test_on_a_phone_nothing_lies_over_the_controls(running):
    running.set_viewport_size({"width": 360, "height": 740})
    running.locator(".wheel-lanes").scroll_into_view_if_needed()
    running.evaluate("scrollBy(0, 40)")
    covered = """() => [...document.querySelectorAll(".wheel-controls button")].filter((button) => {
      const { left, top, right, bottom } = button.getBoundingClientRect();
      const corners = [[left + 3, top + 9], [right - 3, top + 9], [left + 3, bottom - 9], [right - 3, bottom - 9]];
      return !corners.every(([x, y]) => button.contains(document.elementFromPoint(x, y)));
    }).map((button) => button.textContent)"""
    assert running.evaluate(covered) == []


def test_printed_after_the_click_the_figure_has_its_picture(running):
    running.emulate_media(media="print")
    try:
        assert running.locator(".wheel-before .drawing:visible").count() == 1
        assert running.locator(".wheel-panel").is_hidden()
    finally:
        running.emulate_media(media="screen")


def test_the_pointer_drags_a_cheetah_and_lets_it_go(running):
    lane(running, 0).locator(".wheel-track").hover(position={"x": 200, "y": 30})
    running.evaluate(WATCH, "force")
    running.mouse.down()
    poll(running, "kept.some(Boolean)")
    running.mouse.up()
    poll(running, "kept.at(-1) === 0")
    assert lane(running, 1).get_attribute("data-force") == "0"


def test_another_driver_takes_a_lane_and_tells_of_itself(running, clicked):
    assert lane(running, 1).locator("[data-told=asked]").inner_text() == "12\u202f000"
    assert lane(running, 0).locator(".wheel-attention").is_visible()
    assert "loads" in lane(running, 1).locator("option[value=td3bc]").inner_text()
    choose(running, 0, "td3bc")
    step_on(running, 3)
    assert lane(running, 0).locator("[data-told=asked]").inner_text() == "nothing"
    assert lane(running, 0).locator(".wheel-attention").is_hidden()
    assert "loads" not in lane(running, 1).locator("option[value=td3bc]").inner_text()
    assert any("local_td3bc_halfcheetah_s0" in url for url, _ in clicked[2])


def test_two_more_lanes_do_as_they_are_asked(running):
    running.click(".wheel-more")
    expect(running.locator(".wheel-lane:visible")).to_have_count(4, timeout=PATIENCE)
    assert [lane(running, number).locator("[data-told=asked]").inner_text() for number in (2, 3)] == ["0", "4714"]
    step_on(running, 40)
    distances = [int(lane(running, number).locator("[data-told=distance]").inner_text()) for number in (2, 3)]
    assert distances[0] <= 1 and distances[1] >= 2
    running.click(".wheel-more")
    expect(running.locator(".wheel-lane:visible")).to_have_count(2, timeout=PATIENCE)
    step_on(running, 3)


def test_a_driver_that_cannot_be_loaded_leaves_the_others_running(running, clicked):
    running.context.route("**/local_tt_halfcheetah/*", lambda route: route.fulfill(status=404))
    lane(running, 0).locator("select").select_option("tt_1")
    expect(running.locator(".wheel-status")).to_contain_text("could not be loaded (404).", timeout=PATIENCE)
    running.context.unroute("**/local_tt_halfcheetah/*")
    assert lane(running, 0).locator("select").input_value() == "dt_0"
    state(running, "running")
    step_on(running, 3)
    clicked[1].clear()  # the browser's own message of the file


def test_the_trajectory_transformer_plans_and_says_that_it_is_slow(running):
    choose(running, 1, "tt_8")
    expect(lane(running, 1)).to_have_attribute("data-imagined", "4", timeout=PATIENCE)
    expect(lane(running, 1).locator("[data-told=milliseconds]")).not_to_have_text("0.0", timeout=PATIENCE)
    expect(running.locator(".wheel-pace")).to_contain_text("Slow motion", timeout=PATIENCE)


def torque(page, number, wanted):
    """Wait until a lane's largest torque is so large."""
    expect(lane(page, number)).to_have_attribute("data-torque", wanted, timeout=PATIENCE)


def test_the_reader_takes_the_torques_by_keys_and_by_thumbs_and_gives_them_back(running):
    assert running.locator(".wheel-hands").is_hidden()
    running.click(".wheel-take")
    expect(lane(running, 1).locator(".wheel-hands")).to_be_focused()
    torque(running, 1, "0.00")
    running.keyboard.down("a")
    torque(running, 1, "1.00")
    running.keyboard.down("Shift")  # while a key is held: the other way
    torque(running, 1, "-1.00")
    running.keyboard.up("Shift")
    torque(running, 1, "1.00")
    running.keyboard.up("a")
    torque(running, 1, "0.00")
    running.keyboard.down("l")
    torque(running, 1, "1.00")
    running.evaluate("document.activeElement.blur()")  # keys go elsewhere, so none stays held
    torque(running, 1, "0.00")
    running.keyboard.up("l")
    running.locator(".wheel-pad").first.hover(position={"x": 8, "y": 60})
    running.mouse.down()
    torque(running, 1, "-1.00")
    running.mouse.up()
    torque(running, 1, "0.00")
    running.click(".wheel-take")
    expect(running.locator(".wheel-hands")).to_be_hidden()
    expect(lane(running, 1).locator("select")).to_have_value("dt_12000")


def test_the_reader_drives_one_cheetah_at_a_time(running):
    choose(running, 0, "you")
    choose(running, 1, "you")
    expect(lane(running, 0).locator("select")).to_have_value("dt_0")
    running.click(".wheel-take")
    expect(lane(running, 1).locator("select")).to_have_value("dt_12000")
    expect(running.locator(".wheel-take")).to_have_text("Take the wheel yourself")
    expect(running.locator(".wheel-hands")).to_be_hidden()


def test_every_control_is_reached_by_the_keyboard(running):
    lane(running, 1).locator("select").focus()
    reached = []
    for _ in range(8):
        running.keyboard.press("Tab")
        reached.append(running.evaluate("document.activeElement.textContent.trim()"))
    assert reached[:6] == ["Pause", "Push", "Push back", "Lift", "Tip over", "Take the wheel yourself"]
    assert reached[6].startswith("Two more lanes") and reached[7] == "Start anew"


def test_who_chooses_faster_than_drivers_load_gets_who_was_chosen_last(running):
    select = lane(running, 0).locator("select")
    for driver in ("tt_1", "bc", "you", "td3bc", "dt_0", "tt_greedy", "bc"):
        select.select_option(driver)
    for _ in range(5):
        running.click(".wheel-more")
    running.click(".wheel-run")
    running.click(".wheel-run")
    running.click(".wheel-restart")
    expect(running.locator(".wheel")).to_have_attribute("data-drivers", "bc dt_12000 wide_0 wide_4714", timeout=PATIENCE)
    assert select.input_value() == "bc" and running.locator(".wheel-hands").is_hidden()
    assert running.locator(".wheel-lane:visible").count() == 4
    state(running, "running")
    step_on(running, 3)


HIDE = """(hidden) => {
  Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
}"""  # has the page believe that its tab is in the background


def test_nothing_runs_out_of_view_or_in_a_hidden_tab(running):
    running.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
    state(running, "paused")
    running.locator(".wheel-run").scroll_into_view_if_needed()
    state(running, "running")
    running.evaluate(HIDE, True)
    state(running, "paused")
    running.evaluate(HIDE, False)
    state(running, "running")


OVERHANGING = """() => {
  const right = (element) => element.getBoundingClientRect().right, figure = document.querySelector('.wheel');
  return [...figure.querySelectorAll('.wheel-panel *')].filter((each) => right(each) > right(figure) + 1).length;
}"""  # how many elements reach out of the figure


ALONE = """(alone) => {
  const figure = document.querySelector('.wheel'), all = [...document.querySelectorAll('main > *, body > *')];
  window.places ??= all.filter((each) => !each.contains(figure)).map((each) => [each, document.createComment('')]);
  for (const [each, place] of places) (alone ? each : place).replaceWith(alone ? place : each);
}"""  # takes all but the figure out of the page, so that axe has less to look at, or puts it back


def test_axe_finds_nothing_while_it_runs_and_it_fits_every_window(running):
    from axe_playwright_python.sync_playwright import Axe

    choose(running, 1, "you")
    running.evaluate(ALONE, True)
    for scheme, width in (("light", 1440), ("dark", 360)):
        running.emulate_media(color_scheme=scheme)
        running.set_viewport_size({"width": width, "height": 900})
        found = Axe().run(running, context=".wheel", options={"resultTypes": ["violations"]}).response["violations"]
        assert [(each["id"], each["nodes"][0]["target"]) for each in found] == []
    running.evaluate(ALONE, False)
    running.click(".wheel-more")
    expect(running.locator(".wheel-lane:visible")).to_have_count(4, timeout=PATIENCE)
    for width in (320, 360, 768, 1024, 1440):
        running.set_viewport_size({"width": width, "height": 900})
        assert running.locator(".wheel-hands").is_visible()
        assert running.evaluate("document.documentElement.scrollWidth") <= width
        assert running.evaluate(OVERHANGING) == 0


# ---- what the browser computes ----


EPISODE = """new Promise((resolve, reject) => {
  const worker = new Worker(%s, { type: 'module' }), totals = [];
  worker.onmessage = ({ data }) => {
    if (data.failed) reject(data.failed);
    if (data.seated) worker.postMessage({ run: true });
    if (data.frame) worker.postMessage({ taken: true });
    if (data.frame && totals.push(data.frame.map(({ total }) => total)) === 25) {
      worker.terminate();
      resolve(totals);
    }
  };
  worker.postMessage({ seat: ['bc', 'dt_12000'] });
})"""  # the totals (step, lane) of an episode's first 25 steps, more than a context has, by a worker of its own


def is_nodes(totals):
    """Whether totals of EPISODE are, to the last digit, what node computes."""
    paths = [ask("paths", driver=driver, steps=25) for driver in ("bc", "dt_12000")]
    return [list(lanes) for lanes in zip(*paths, strict=True)] == totals


def test_a_browsers_episode_is_nodes_to_the_last_digit(offer, post):
    assert is_nodes(offer[0].evaluate(EPISODE % json.dumps(post.address + "assets/wheel/worker.js")))


# ---- where it cannot run ----

LACKING = {
    "has no WebAssembly": ("WebAssembly", "delete globalThis.WebAssembly"),
    "no 128-bit SIMD": ("WebAssembly", "globalThis.WebAssembly = { validate: () => false }"),
    "has no workers": ("Worker", "delete globalThis.Worker"),
    "starts no module workers": (
        "Worker",
        "globalThis.Worker = class extends Worker { constructor(address) { super(address); } }",
    ),
    "has no DecompressionStream": ("DecompressionStream", "delete globalThis.DecompressionStream"),
}


@pytest.mark.parametrize("words", LACKING)
def test_a_browser_that_lacks_something_is_told_so_in_a_sentence(words, offer):
    page, (name, script) = offer[0], LACKING[words]
    page.evaluate(f"window.whole = {name}; void ({script})")
    page.click(".wheel-offer button")
    told = page.locator(".wheel-offer [role=status]")
    expect(told).to_contain_text(words, timeout=PATIENCE)
    page.evaluate(f"void (globalThis.{name} = window.whole)")
    assert re.fullmatch(r"[A-Z][^.]*\.", told.inner_text())


def test_a_module_that_is_missing_is_told_in_a_sentence(offer):
    fail(offer[0], "drivers.js", "a module that it imports")
