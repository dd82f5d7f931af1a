"""The cheetah in the browser: milliseconds per action, whether 20 Hz is held, and what memory it keeps.

    python -m benchmarks.wheel actions
    python -m benchmarks.wheel pace --steps 100
    python -m benchmarks.wheel memory --minutes 10 --switches 50

Actions are timed in node, which runs the same files, in processor time of one action with its control step of the simulator:
the median and the lowest of each driver's, one driver after the other. Pace and memory are chromium's, on the built page;
memory is what is resident of the page's process at its end against a minute after the start, drivers switched all the while.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import machine
from pipeline import files

DRIVERS = ("dt_6000", "bc", "td3bc", "tt_greedy", "tt_1", "tt_8")
SWITCHED = ("bc", "td3bc", "dt_6000", "tt_greedy", "tt_1")
TIMED = """
import { Drivers } from "./assets/wheel/drivers.js";
import { Lane } from "./assets/wheel/session.js";
import { makeWorld, read, readJson } from "./wheel/node.mjs";
const world = await makeWorld(), drivers = await Drivers.list(read), [start] = await readJson("starts.json"), runs = [];
for (const name of JSON.parse(process.argv[1])) {
  const lane = new Lane(world), { policy, asked } = await drivers.make(name);
  lane.reset(policy, asked, start);
  for (let step = 0; step < 40; step++) lane.step();
  runs.push({ name, lane, milliseconds: [] });
}
for (const { lane, milliseconds } of runs) for (let round = 0; round < Number(process.argv[2]); round++) {
  const began = process.cpuUsage().user;
  lane.step();
  milliseconds.push((process.cpuUsage().user - began) / 1000);
}
console.log(JSON.stringify(Object.fromEntries(runs.map(({ name, milliseconds }) => [name, milliseconds]))));
"""


def time_actions(rounds: int) -> None:
    """Print each driver's processor time for an action and its control step."""
    command = ["node", "--input-type=module", "--eval", TIMED, json.dumps(DRIVERS), str(rounds)]
    found = json.loads(subprocess.run(command, cwd=files.ROOT, capture_output=True, text=True, check=True).stdout)
    for name, milliseconds in found.items():
        print(f"{name}: median {statistics.median(milliseconds):.2f} ms, lowest {min(milliseconds):.2f} ms of {rounds}")


@contextmanager
def running() -> Iterator:
    """The built page in chromium, its cheetahs running."""
    from playwright.sync_api import sync_playwright

    from tests.page.test_site import CHROMIUM_FLAGS, served

    with served(files.ROOT / "_site") as site, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        page = chromium.new_page()
        page.goto(site.address)
        page.locator(".wheel").scroll_into_view_if_needed()
        page.click(".wheel-offer button")
        wait_for_steps(page, 20)
        yield page
        chromium.close()


def steps_taken(page) -> int:
    """Control steps of the episode so far."""
    return int(page.locator(".wheel-step").first.inner_text())


def wait_for_steps(page, count: int) -> None:
    """Wait until the episode is so many steps old."""
    while not page.locator(".wheel-step").count() or steps_taken(page) < count:
        time.sleep(0.02)


def time_pace(steps: int) -> None:
    """Print how many control steps chromium takes in the time that so many should take."""
    with running() as page:
        first, began = steps_taken(page), time.perf_counter()
        time.sleep(steps * 0.05)
        passed = (time.perf_counter() - began) / 0.05
        print(f"{steps_taken(page) - first} control steps in the time of {passed:.1f}")


def resident(chromium) -> float:
    """Resident memory of the browser's largest page process, in MB."""
    processes = chromium.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    pages = [Path(f"/proc/{process['id']}/status") for process in processes if process["type"] == "renderer"]
    return max(int(re.search(r"VmRSS:\s+(\d+)", path.read_text(encoding="utf-8"))[1]) for path in pages) / 1000


def measure_memory(minutes: float, switches: int) -> None:
    """Print the memory of the page's process while drivers take each other's place."""
    with running() as page:
        began = time.perf_counter()
        first = None
        for switch in range(switches):
            while time.perf_counter() - began < 60 * minutes * (switch + 1) / switches:
                time.sleep(0.5)
            page.locator(".wheel select").nth(switch % 2).select_option(SWITCHED[switch % len(SWITCHED)])
            if first is None and time.perf_counter() - began >= 60:
                first = resident(page.context.browser)
                print(f"after a minute and {switch + 1} switches {first:.0f} MB", flush=True)
        last = resident(page.context.browser)
        print(f"after {minutes:g} minutes and {switches} switches {last:.0f} MB, {last / first:.2f} of that")


def main() -> None:
    """Time or measure one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("actions", "pace", "memory"))
    parser.add_argument("--rounds", type=int, default=60, help="actions timed of each driver")
    parser.add_argument("--steps", type=int, default=100, help="control steps whose time the pace is taken over")
    parser.add_argument("--minutes", type=float, default=10, help="how long memory is watched")
    parser.add_argument("--switches", type=int, default=50, help="how often a driver takes another's place meanwhile")
    told = parser.parse_args()
    print(machine())
    if told.what == "actions":
        time_actions(told.rounds)
    elif told.what == "pace":
        time_pace(told.steps)
    else:
        measure_memory(told.minutes, told.switches)


if __name__ == "__main__":
    main()
