"""What the post weighs, as a server that compresses would send it: the first view, and the whole page read to its end.

    bundle exec jekyll build
    python -m benchmarks.weight

Text, drawings and compiled code are counted after gzip, pictures and fonts as they are. The cheetah that a reader may ask for
(`Let it run here`) is no part of either: it says beforehand what it loads.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
from urllib.parse import urlsplit

from pipeline import files

AS_THEY_ARE = (".woff2", ".png", ".gif")
VIEWS = {"a phone": (360, 740), "a desk": (1440, 900)}  # width and height in CSS pixels
FIRST_VIEW, REQUESTS, WHOLE = 350_000, 12, 1_800_000  # the most: bytes, requests, bytes


def weigh(browser, address: str, width: int, height: int, whole: bool = False) -> dict[str, int]:
    """Bytes of everything that the post loads, by path, without motion.

    Args:
        browser: of playwright's.
        whole: read to its end, what is folded unfolded; otherwise as far as the first view shows.
    """
    context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
    page, responses = context.new_page(), []
    page.on("response", lambda response: responses.append(response))
    page.goto(address)
    page.locator("figure[data-film] canvas[data-frame]").first.wait_for()
    page.wait_for_load_state("networkidle")
    if whole:
        page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
        for part in page.locator("main > *").all():
            part.scroll_into_view_if_needed()
        page.wait_for_load_state("networkidle")
        page.evaluate("Promise.all([...document.images].map((image) => image.checkVisibility() && image.decode()))")
    weights = {}
    for response in responses:
        path, body = urlsplit(response.url).path, response.body()
        weights[path] = len(body) if path.endswith(AS_THEY_ARE) else len(gzip.compress(body))
    context.close()
    return weights


def main() -> None:
    """Print what the built site weighs in either view."""
    from playwright.sync_api import sync_playwright

    from tests.page.test_site import CHROMIUM_FLAGS, served

    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    with sync_playwright() as playwright, served(files.ROOT / "_site") as site:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        print("| on | first view, kB | requests | whole page, kB | requests |\n|:--|--:|--:|--:|--:|")
        for name, size in VIEWS.items():
            first, whole = (weigh(browser, site.address, *size, whole=read) for read in (False, True))
            print("|", name, *(f"| {sum(each.values()) / 1000:.0f} | {len(each)}" for each in (first, whole)), "|")
        browser.close()


if __name__ == "__main__":
    main()
