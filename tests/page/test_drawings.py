"""The page's drawings and films in a real browser: words large enough and dark enough, films from poses, a light first view."""

import re
from urllib.parse import urlsplit

import pytest

from benchmarks import weight
from tests.page.test_site import opened

FILMS, LAST = "figure[data-film] canvas", "[data-frame='79.0']"
LABELS = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  const rgb = (color) => {
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const blend = (over, under, share) => over.map((value, place) => share * value + (1 - share) * under[place]);
  const linear = (value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = ([red, green, blue]) => 0.2126 * linear(red / 255) + 0.7152 * linear(green / 255) + 0.0722 * linear(blue / 255);
  const paper = rgb(getComputedStyle(document.body).backgroundColor);
  const shown = [...document.querySelectorAll('svg.drawing text')].filter((text) => text.getClientRects().length);
  return shown.map((text) => {
    const box = text.getBoundingClientRect(), svg = text.ownerSVGElement;
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    const middle = new DOMPoint(box.x + box.width / 2, box.y + box.height / 2);
    const behind = [...svg.querySelectorAll('path')].filter((shape) => getComputedStyle(shape).fill !== 'none'
      && !shape.closest('defs') && shape.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING
      && shape.isPointInFill(middle.matrixTransform(shape.getScreenCTM().inverse())));
    const ground = behind.reduce((under, shape) => {
      const seen = getComputedStyle(shape);
      return blend(rgb(seen.fill), under, seen.fillOpacity * seen.opacity);
    }, paper);
    const [dark, bright] = [light(rgb(getComputedStyle(text).fill)), light(ground)].sort((one, other) => one - other);
    const sizes = [text, ...text.querySelectorAll('tspan')].map((each) => parseFloat(getComputedStyle(each).fontSize));
    return {text: text.textContent, size: scale * Math.min(...sizes), contrast: (bright + 0.05) / (dark + 0.05)};
  });
}"""


@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 360), ("light", 768), ("dark", 1440)])
def test_the_words_of_drawings_are_large_enough_and_stand_out(post, browser, scheme, width):
    for address, soup in post.pages():
        with opened(post, browser, address, color_scheme=scheme, viewport={"width": width, "height": 900}) as (page, _, _):
            labels = page.evaluate(LABELS)
        assert len(labels) > 40 or not soup.select("svg.drawing")
        assert [label for label in labels if label["size"] < 11 or label["contrast"] < 4.5] == []


def test_films_stand_still_for_readers_who_want_no_motion(post, browser):
    with opened(post, browser, reduced_motion="reduce") as (page, messages, responses):
        for film in page.locator("figure[data-film]").all():
            film.scroll_into_view_if_needed()
            film.locator(f"canvas{LAST}").wait_for()
        assert page.locator("figure[data-film] button").count() == 0 and messages == []
        assert not [url for url, _ in responses if url.endswith("half_cheetah.gif")], "the poses take the place of the pictures"


def test_a_film_plays_again_to_its_end(post, browser):
    with opened(post, browser) as (page, _, _):
        film = page.locator(FILMS).first
        page.locator(f"{FILMS}{LAST}").first.wait_for()
        ended = film.evaluate("(canvas) => canvas.toDataURL()")
        page.locator("figure[data-film] button").first.click()
        page.locator(f"{FILMS}:not({LAST})").first.wait_for()
        assert film.evaluate("(canvas) => canvas.toDataURL()") != ended
        page.locator(f"{FILMS}{LAST}").first.wait_for()
        assert film.evaluate("(canvas) => canvas.toDataURL()") == ended


SHIFTS = """() => {
  const observer = new PerformanceObserver(() => {});
  observer.observe({type: 'layout-shift', buffered: true});
  return observer.takeRecords().map((shift) => shift.value);
}"""


@pytest.mark.parametrize("size", weight.VIEWS.values(), ids=weight.VIEWS)
def test_nothing_on_the_first_screen_moves_while_it_loads(post, browser, size):
    for address, soup in post.pages():
        with opened(post, browser, address, viewport={"width": size[0], "height": size[1]}) as (page, _, _):
            if soup.select(FILMS):
                page.locator(f"{FILMS}[data-frame]").first.wait_for()
            assert sum(page.evaluate(SHIFTS)) < 0.01, address


def test_a_film_that_nothing_would_draw_takes_no_room(post, browser):
    with opened(post, browser, java_script_enabled=False) as (page, _, _):
        film = page.locator("figure[data-film]").first
        assert film.locator("img").is_visible() and not film.locator("canvas").is_visible()


@pytest.mark.parametrize("size", weight.VIEWS.values(), ids=weight.VIEWS)
def test_the_first_view_and_the_whole_page_are_light(post, browser, size):
    first, whole = (weight.weigh(browser, post.address, *size, whole=read) for read in (False, True))
    assert sum(first.values()) <= weight.FIRST_VIEW and len(first) <= weight.REQUESTS, first
    assert len(whole) > len(first) and sum(whole.values()) <= weight.WHOLE, whole
    for seen in ("assets/films/half_cheetah.js", "images/dt_last_layer_attention_map.png", "assets/touch/refiner.data.js"):
        assert urlsplit(post.address).path + seen in whole


def test_text_twice_as_large_overruns_nothing_on_a_phone(post, browser):
    for address, _ in post.pages():
        with opened(post, browser, address, viewport={"width": 360, "height": 740}) as (page, _, _):
            page.evaluate("document.documentElement.style.fontSize = '200%'")
            assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_post_is_printed_on_fourteen_pages(post, browser):
    with opened(post, browser, reduced_motion="reduce") as (page, _, _):
        printed = page.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) <= 14
