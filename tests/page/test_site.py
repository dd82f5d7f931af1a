"""The built site in a real browser: each check is shown to pass on the post and to fail on a page broken on purpose.

A check is a function of a served site and a browser that returns a list of complaints. The same functions judge the post, a
small sample page that uses every include and filter, and copies of that sample in which one thing has been broken.
"""

import filecmp
import json
import os
import re
import shutil
import subprocess
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup
from PIL import Image

from pipeline import files
from pipeline.show import claims, tabulate

ROOT = files.ROOT
BASEURL = re.search(r"^baseurl: (\S+)", (ROOT / "_config.yml").read_text(encoding="utf-8"), re.MULTILINE)[1]
WIDTHS = (320, 360, 768, 1024, 1440)
PUBLISHED = {"index.html", "appendix", "404.html", "feed.xml", "sitemap.xml", "robots.txt", "assets", "images", "results"}
PATIENCE = 600_000  # milliseconds after which what was waited for has failed to come, however busy the machine
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

SAMPLE = r"""---
title: A sample
subtitle: It uses everything
contents: true
---
Opening words, {% number measured.run_a.score_mean %} and {% number measured.run_a.run.width %}.
{% include note.html text="A *note* with $p(a | s)$." %} Bold **words** and `code $x$`.

| name | value |
|---|--:|
| $P(a | s)$ | {{ site.data.numbers.values.large | fixed: 1 }} |

{% include animation.html name="moving" alt="A moving square" caption="It moves: $\dot x > 0$." %}

## First section

The policy $\pi_\theta(a_t | s_t)$ and _emphasis_ after $x_1$, $x_2$.[^1]

$$
\begin{aligned}
V^\pi(s) &= \mathbb{E}\bigl[r(s, a) + \gamma V^\pi(s')\bigr]
\end{aligned}
$$

[^1]: A footnote with $\gamma < 1$.

### Deeper

{% include figure.html name="still" type="png" alt="A square" caption="A square of side $a$." %}

```python
price = "$5"  # and a comment
```

[To the first section](#first-section)
"""


@dataclass(frozen=True)
class Site:
    """A built site: where its files lie and the address under which it is served."""

    directory: Path
    address: str

    def pages(self):
        """Every HTML page, as (address, parsed page)."""
        for path in sorted(self.directory.rglob("*.html")):
            relative = path.relative_to(self.directory).as_posix()
            yield (
                self.address + re.sub(r"(^|/)index\.html$", r"\1", relative),
                BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser"),
            )


# ---- building and serving ----


def run_jekyll(source, destination, into=None, config=None):
    """Build `source`, with another configuration if one is given, into `destination`; bundler's lock file stays beside it."""
    for tool, package in (("bundle", "jekyll"), ("node", "nodejs")):
        assert shutil.which(tool), f"{tool} is not installed: `apt install {package}`."
    gemfile = destination.parent / "bundler" / "Gemfile"
    gemfile.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "Gemfile", gemfile)
    command = ["bundle", "exec", "jekyll", "build", "-s", str(source), "-d", str(into or destination)]
    command += ["--config", str(config)] if config else []
    environment = {**os.environ, "BUNDLE_GEMFILE": str(gemfile), "LANG": "C.UTF-8"}
    return subprocess.run(command, cwd=gemfile.parent, env=environment, capture_output=True, text=True)


def build(source, destination, config=None):
    """Build and return the destination; a failure shows what Jekyll said."""
    finished = run_jekyll(source, destination, config=config)
    assert finished.returncode == 0, finished.stderr
    return destination


@contextmanager
def served(directory):
    """Serve a built site under its base address only, so that a link which forgets it shows."""

    class UnderBaseurl(SimpleHTTPRequestHandler):
        def translate_path(self, path):
            inside = path.startswith(BASEURL + "/")
            return super().translate_path(path[len(BASEURL) :] if inside else "/outside-of-the-site")

        def log_message(self, *_):
            """Say nothing: the checks look at the browser's side."""

        def copyfile(self, source, outputfile):
            with suppress(ConnectionError):  # of a page that was closed while it loaded
                super().copyfile(source, outputfile)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(UnderBaseurl, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Site(directory, f"http://127.0.0.1:{server.server_port}{BASEURL}/")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def opened(site, browser, address=None, **options):
    """Open a page, wait until it has settled, and yield it with the lists of its console messages and responses."""
    context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    messages, responses = [], []
    page.on("console", lambda message: messages.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: messages.append(f"error: {error}"))
    page.on("requestfailed", lambda request: responses.append((request.url, 0)))
    page.on("response", lambda response: responses.append((response.url, response.status)))
    try:
        page.goto(address or site.address)
        page.evaluate("for (const image of document.images) image.loading = 'eager'")
        if options.get("java_script_enabled", True):
            page.evaluate(
                "Promise.all([document.fonts.ready, ...[...document.images].map((image) => image.decode().catch(() => {}))])"
            )
        else:  # promises do not settle there; to be laid out, a page asks for its fonts
            page.evaluate("document.body.offsetHeight")
            while page.evaluate("[...document.fonts].some((font) => font.status == 'loading')"):
                page.wait_for_timeout(20)
        yield page, messages, responses
    finally:
        context.close()


def until(page, script, comes):
    """Ask a page until what it answers is what comes, and return it; playwright's own waiting needs what the policy forbids."""
    for _ in range(PATIENCE // 20):
        if comes(found := page.evaluate(script)):
            return found
        page.wait_for_timeout(20)
    raise AssertionError(f"{script} still gives {found}")


# ---- the checks ----


def console_messages(site, browser):
    """Collect what a page writes to the console, warnings and refused loads included."""
    complaints = []
    for address, _ in site.pages():
        with opened(site, browser, address) as (_, messages, _):
            complaints += [f"{address}: {message}" for message in messages]
    return complaints


def foreign_or_failed_loads(site, browser):
    """Find loads from another host or outside the site, those that the security policy stops included, and failed ones."""
    complaints = []
    for address, soup in site.pages():
        loads = [tag["src"] for tag in soup.select("[src]")]
        loads += [part.split()[0] for tag in soup.select("[srcset]") for part in tag["srcset"].split(",")]
        loads += [tag["href"] for tag in soup.select("link[rel~=stylesheet], link[rel~=icon], link[rel~=preload]")]
        foreign = [load for load in loads if not urljoin(address, load).startswith(site.address)]
        with opened(site, browser, address) as (_, _, responses):
            foreign += [url for url, status in responses if status != 200 or not url.startswith(site.address)]
        complaints += [f"{address} loads {url}" for url in foreign]
    return complaints


def sideways_scroll(site, browser):
    """Find the widths at which a page is wider than the window."""
    complaints = []
    for address, _ in site.pages():
        with opened(site, browser, address) as (page, _, _):
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                needed = page.evaluate("document.documentElement.scrollWidth")
                if needed > width:
                    complaints.append(f"{address} is {needed} px wide in a window of {width} px")
    return complaints


def bad_pictures(site, browser):
    """Find pictures that do not load, say nothing to those who cannot see them, or declare a wrong size."""
    complaints = []
    for address, _ in site.pages():
        with opened(site, browser, address) as (page, _, _):
            pictures = page.evaluate(
                """[...document.images].map((image) => ({name: image.currentSrc || image.src, alt: image.alt.trim(),
                loaded: image.complete && image.naturalWidth > 0, natural: [image.naturalWidth, image.naturalHeight].join(),
                declared: [image.getAttribute('width'), image.getAttribute('height')].join()}))"""
            )
        for picture in pictures:
            faults = {
                "does not load": not picture["loaded"],
                "has no alternative text": not picture["alt"],
                f"declares {picture['declared']} but is {picture['natural']}": picture["declared"] != picture["natural"],
            }
            complaints += [f"{picture['name']} {fault}" for fault, present in faults.items() if present]
    return complaints


def unset_formulas(site, browser):
    """Find formulas not set while JavaScript is off: dollars in the text, KaTeX's errors, boxes without extent or font."""
    complaints = []
    for address, soup in site.pages():
        for hidden in soup.select("code, pre, script, annotation"):
            hidden.decompose()
        complaints += [f"raw formula {found!r}" for found in re.findall(r"\$\S[^$]*\$|\$\$|\\\(|\\\[", soup.get_text())]
        complaints += [f"KaTeX refused {tag.get_text()!r}" for tag in soup.select(".katex-error, [data-tex]")]
        with opened(site, browser, address, java_script_enabled=False) as (page, _, _):
            empty = page.evaluate("[...document.querySelectorAll('.katex-html')].filter((e) => !e.offsetWidth).length")
            fonts = page.evaluate("[...document.fonts].filter((f) => f.family == 'KaTeX_Main' && f.status == 'loaded').length")
        if empty:
            complaints.append(f"{empty} formulas of {address} take no room")
        if soup.select(".katex") and not fonts:
            complaints.append(f"{address} has formulas but not their font")
    if not any(soup.select("math") for _, soup in site.pages()):
        complaints.append("the site has no formula at all")
    return complaints


def axe_violations(site, browser):
    """Ask axe, in light and dark, on a wide and on a narrow screen."""
    from axe_playwright_python.sync_playwright import Axe

    complaints = []
    for address, _ in site.pages():
        for scheme, width in (("light", 1440), ("dark", 360)):
            viewport = {"width": width, "height": 900}
            with opened(site, browser, address, color_scheme=scheme, viewport=viewport) as (page, _, _):
                for violation in Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]:
                    where = violation["nodes"][0]["target"]
                    complaints.append(f"{address} in {scheme}: {violation['id']}: {violation['help']} ({where})")
    return complaints


def dead_links(site, browser):
    """Find links and anchors inside the site that lead nowhere, and links outside that are not https."""
    anchors = {address: {tag["id"] for tag in soup.select("[id]")} for address, soup in site.pages()}
    complaints = []
    for address, soup in site.pages():
        for link in (tag["href"] for tag in soup.select("[href]")):
            target, fragment = urldefrag(urljoin(address, link))
            path = site.directory / unquote(target.removeprefix(site.address))
            path = path / "index.html" if path.is_dir() else path
            if not target.startswith(site.address):
                dead = not (target.startswith("https://") and urlsplit(target).netloc)
            else:
                dead = not path.is_file() or (fragment and target in anchors and unquote(fragment) not in anchors[target])
            if dead:
                complaints.append(f"{address} links to {link}")
    base = urlsplit(site.address).path
    for name in ("feed.xml", "sitemap.xml"):
        tree = ElementTree.parse(site.directory / name)
        links = [e.get("href") or (e.text or "").strip() for e in tree.iter() if e.tag.endswith(("}link", "}loc"))]
        complaints += [f"{name} names {link}" for link in links if not urlsplit(link).path.startswith(base)]
    return complaints


def heading_disorder(site, browser):
    """Find pages without exactly one first-level heading, and headings that skip a level."""
    complaints = []
    for address, soup in site.pages():
        levels = [int(tag.name[1]) for tag in soup.select("h1, h2, h3, h4, h5, h6")]
        if levels.count(1) != 1 or levels[0] != 1:
            complaints.append(f"{address} has {levels.count(1)} first-level headings")
        if any(later > earlier + 1 for earlier, later in zip(levels, levels[1:], strict=False)):
            complaints.append(f"{address} skips a level in {levels}")
    return complaints


def repeated_ids(site, browser):
    """Find ids that stand on more than one element of a page."""
    complaints = []
    for address, soup in site.pages():
        ids = [tag["id"] for tag in soup.select("[id]")]
        complaints += [f"{address} has the id {name} twice" for name in sorted({name for name in ids if ids.count(name) > 1})]
    return complaints


def leftover_liquid(site, browser):
    """Find template code that reached the reader."""
    complaints = []
    for address, soup in site.pages():
        for hidden in soup.select("code, pre, annotation"):
            hidden.decompose()
        complaints += [f"{address} shows {found}" for found in re.findall(r"\{\{.{0,30}|\{%.{0,30}", str(soup))]
    return complaints


def motion_in_spite_of_the_reader(site, browser):
    """Find animations that load although the reader asked for less motion, and posters that do not."""
    complaints = []
    for address, soup in site.pages():
        posters = {urljoin(address, tag["srcset"]) for tag in soup.select("source[media*=reduced-motion]")}
        with opened(site, browser, address, reduced_motion="reduce", java_script_enabled=False) as (_, _, responses):
            loaded = {url for url, status in responses if status == 200}
        complaints += [f"{url} moves" for url in sorted(loaded) if url.endswith(".gif")]
        complaints += [f"{url} does not load" for url in sorted(posters - loaded)]
    return complaints


def loose_security(site, browser):
    """Find pages whose policy allows more than the site needs, or that carry scripts or styles of their own."""
    complaints = []
    for address, soup in site.pages():
        policy = soup.select_one("meta[http-equiv=Content-Security-Policy]")
        rules = dict(rule.split(maxsplit=1) for rule in policy["content"].split(";")) if policy else {}
        if rules.pop("style-src-attr", "") != "'unsafe-inline'" or rules.get("default-src") != "'none'":
            complaints.append(f"{address} has no strict policy")
        complaints += [f"{address} allows {name} {value}" for name, value in rules.items() if value not in ("'self'", "'none'")]
        inline = soup.select("script:not([src]):not([type='application/ld+json']), style, [onclick], [onload]")
        complaints += [f"{address} has an inline <{tag.name}>" for tag in inline]
    return complaints


def unexpected_files(site, browser):
    """Find published files that are no part of the site."""
    top = {path.name for path in site.directory.iterdir()}
    return [f"{name} is published" for name in sorted(top - PUBLISHED)]


CHECKS = (
    console_messages,
    foreign_or_failed_loads,
    sideways_scroll,
    bad_pictures,
    unset_formulas,
    axe_violations,
    dead_links,
    heading_disorder,
    repeated_ids,
    leftover_liquid,
    motion_in_spite_of_the_reader,
    loose_security,
    unexpected_files,
)


def differences(one, other):
    """List the files that are not the same bytes in two directories."""
    names = {path.relative_to(top).as_posix() for top in (one, other) for path in top.rglob("*") if path.is_file()}
    same, _, _ = filecmp.cmpfiles(one, other, names, shallow=False)
    return sorted(names - set(same))


# ---- the sample ----


def write_sample(source, text):
    """Write a source tree with the machinery of the site, one page and its evidence."""
    for name in (
        "_config.yml",
        "_layouts",
        "_plugins",
        "assets",
        "404.html",
        "feed.xml",
        "sitemap.xml",
        "robots.txt",
        "CITATION.cff",
    ):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    shutil.copytree(ROOT / "_includes", source / "_includes", ignore=shutil.ignore_patterns("tables"))
    for name in ("node_modules", "checkpoints"):
        (source / name).symlink_to(ROOT / name)
    (source / "index.md").write_text(text)
    (source / "images").mkdir()
    (source / "results" / "pictures").mkdir(parents=True)
    frames = [Image.new("RGB", (64, 48), (shade, 90, 160)) for shade in (0, 200)]
    frames[0].save(source / "images/still.png")
    frames[0].save(source / "images/moving_poster.png")
    frames[0].save(source / "images/moving.gif", save_all=True, append_images=frames[1:], duration=100)
    for name in ("still", "moving", "moving_poster"):
        (source / f"results/pictures/{name}.json").write_text(
            json.dumps({"made": {"inputs": {}}, "values": {"width": 64, "height": 48}})
        )
    measured = {
        "run": {"width": 128},
        "made": {"inputs": {"checkpoints/a/model.safetensors": "0" * 64}},
        "values": {"score_mean": 40.74, "score_low": 40.0, "score_high": 41.5},
    }
    (source / "results/measured").mkdir()
    (source / "results/measured/run_a.json").write_text(json.dumps(measured))
    (source / "results/numbers.json").write_text(json.dumps({"values": {"large": -12345.678, "text": "1e-05"}}))
    return source


# ---- the post ----


@pytest.mark.parametrize("check", CHECKS)
def test_the_post_gives_no_cause_for_complaint(check, post, browser):
    assert check(post, browser) == []


def test_two_builds_of_the_post_are_the_same_bytes(post, tmp_path):
    assert differences(post.directory, build(ROOT, tmp_path / "site")) == []


def looked_up(path):
    """What the path of a number names in the evidence, and what holds it: a row of a list by its `key` or its place."""
    kind, name, *rest = path.split(".")
    value = tabulate.results()[kind][name]
    if kind != "published" and rest[0] != "run":
        value = value["values"]
    holder = None
    for part in rest:
        holder = value
        if isinstance(value, list):
            value = value[int(part)] if part.isdigit() else next(row for row in value if row["key"] == part)
        else:
            value = value[part]
    return value, holder


def written_like(text, number):
    """A number with the decimals, and in percent if that is so, of another text."""
    decimals = len(text.rstrip("%").partition(".")[2])
    return tabulate.percent(number, decimals) + "%" if text.endswith("%") else tabulate.fixed(number, decimals)


def numbers(site):
    """Every number of the site that answers for itself: path, text, and its drawer."""
    for _, soup in site.pages():
        drawers = {tag["id"]: tag for tag in soup.select(".drawer")}
        for link in soup.select("a.number"):
            yield link["data-from"], link.get_text(), drawers[link["href"].removeprefix("#")]


def test_every_number_of_the_post_is_the_one_that_another_program_reads_and_writes(post):
    found = list(numbers(post))
    assert len(found) > 100
    for path, text, _ in found:
        scale = 1e6 if path.endswith("_bytes") else 1
        assert text == written_like(text, looked_up(path)[0] / scale), path


UNITS = {  # what the path of a number ends in: how the unit in its drawer begins
    r"\.return_(mean|sd)$": "points of return",
    r"\.score(_mean)?$": "points of normalized score",
    r"\.(shares\..*|success_mean)$": "share of",
    r"\.moved(_control)?\.\d+\.mean$": "thousandths of full torque",
    r"\.rise(\.\w+\.\w+|_others)\.mean$": "nats per token",
}


def test_every_drawer_names_the_unit_of_its_number(post):
    kept = {pattern: 0 for pattern in UNITS}
    for path, text, drawer in numbers(post):
        unit = drawer.select_one("p").get_text().removeprefix(text).strip()
        assert unit not in ("", "mean", "all") and not unit.isdigit(), path
        assert unit.startswith("share") == text.endswith("%"), path
        for pattern in (pattern for pattern in UNITS if re.search(pattern, path)):
            assert unit.startswith(UNITS[pattern]), (path, unit)
            kept[pattern] += 1
    assert all(kept.values()), kept


def test_every_drawer_says_interval_run_checkpoint_command_and_evidence(post):
    for path, text, drawer in numbers(post):
        kind, name, *rest = path.split(".")
        said = {term.get_text(): term.find_next("dd").get_text() for term in drawer.select("dt")}
        if kind == "published":
            assert said["published"] and "published.json" in said["kept in"]
            continue
        result = f"{kind}/{name}"
        assert said["run"] == result and said["made by"] == f"python -m pipeline make {result}"
        assert (post.directory / "results" / f"{result}.json").is_file() and f"{result}.json" in said["evidence"]
        _, holder = looked_up(path)
        stem = rest[-1].removesuffix("mean")
        if rest[-1].endswith("mean") and f"{stem}low" in holder:
            low, high = (written_like(text, holder[stem + end]) for end in ("low", "high"))
            assert said["95% interval"] == f"{low} to {high}" and said["over"]
        content = tabulate.results()[kind][name]
        for weights, digest in content["made"]["inputs"].items():
            if weights.endswith("/model.safetensors"):
                checkpoints = " ".join(
                    tag.find_next("dd").get_text() for tag in drawer.select("dt") if tag.string == "checkpoint"
                )
                assert f"{weights.split('/')[1]}, sha256 {digest}" in checkpoints


def test_every_verdict_opens_a_drawer_with_what_was_measured_and_leads_to_its_row(post):
    judged = claims.findings(tabulate.results())
    rows = {tag["id"] for _, soup in post.pages() for tag in soup.select("table [id^=claim-]")}
    assert rows == {f"claim-{name}" for name in judged}
    for _, soup in post.pages():
        for mark in soup.select("a.verdict"):
            drawer, claim = soup.select_one(mark["href"]), judged[mark["data-from"]]
            text = drawer.get_text(" ")
            assert mark["aria-label"] == f"Verdict: {claim['verdict']}" and text.lstrip("× ").startswith(claim["verdict"])
            assert all(value in text for value in (*claim["measured"].values(), *claim["controls"].values()))
            assert claim["predicate"] in text and all(f"{result}.json" in text for result in claim["reads"])
            assert any(link["href"].endswith(f"/appendix/#claim-{mark['data-from']}") for link in drawer.select("a"))


def test_the_main_path_is_read_in_twenty_one_minutes(post):
    soup = BeautifulSoup((post.directory / "index.html").read_text(encoding="utf-8"), "html.parser")
    announced = int(re.search(r"(\d+) minutes to read", soup.select_one(".byline").get_text())[1])
    main = soup.select_one("main")
    for looked_up_or_unfolded in main.select("svg, math, table, pre, details, template, .drawers, .katex"):
        looked_up_or_unfolded.decompose()
    text = main.get_text().rpartition("References")[0]
    numerals = [each for each in re.findall(r"\d[\d\u202f.]*", text) if not re.fullmatch(r"(?:19|20)\d\d\.?", each)]
    assert announced <= 21 and len(text.split()) <= 4900 and len(numerals) <= 150


def test_every_figure_and_table_has_its_drawer(post):
    for address, soup in post.pages():
        drawers = {tag["id"]: tag.get_text(" ") for tag in soup.select(".drawer")}
        for figure in soup.select("figure"):
            name = figure["id"].removeprefix("fig-")
            said = drawers[figure.select_one("a.from")["href"].removeprefix("#")]
            assert f"python -m pipeline make pictures/{name}" in said
            for read in tabulate.results()["pictures"][name]["made"]["inputs"]:
                if read.startswith("results/") and read.endswith(".json"):
                    assert read.removeprefix("results/") in said
        tables = {tag["href"] for tag in soup.select("p.source a.from")}
        assert all("doit tabulate:" in drawers[link.removeprefix("#")] for link in tables)
        assert len(soup.select(".scroll")) >= len(tables) or not tables, address


def test_every_citation_opens_its_entry_of_the_references(post):
    listed = {entry["id"]: entry.get_text(" ", strip=True) for _, soup in post.pages() for entry in soup.select("li[id^=ref-]")}
    assert len(listed) > 25
    for address, soup in post.pages():
        cited = soup.select("main a.cite")
        assert len(cited) >= (5 if "appendix" in address else 20 if address == post.address else 0)
        for link in cited:
            entry = listed["ref-" + link["data-from"]]
            drawer = soup.select_one(link["href"])
            assert entry in drawer.get_text(" ", strip=True) and drawer.select_one(f"a[href$='#ref-{link['data-from']}']")
            assert (
                link.get_text().split()[0].strip(",") == entry.split(",")[0]
                and link["data-from"][-4:].strip("ab") in link.get_text()
            )
        for hidden in soup.select("a, .drawers, pre, table, h2#references ~ *"):
            hidden.decompose()
        assert re.findall(r"[A-Z][a-z]+ et al\.", soup.get_text()) == []


@pytest.mark.parametrize("width", [320, 360])
def test_no_table_is_cut_on_a_phone(post, browser, width):
    for address, _ in post.pages():
        with opened(post, browser, address, viewport={"width": width, "height": 740}) as (page, _, _):
            page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
            cut = page.evaluate(
                """[...document.querySelectorAll('.scroll')].filter((box) => box.scrollWidth > box.clientWidth + 1)
                .map((box) => box.ariaLabel)"""
            )
            assert cut == []


def test_a_stacked_cell_stands_beside_the_name_of_its_column(post):
    for _, soup in post.pages():
        for table in soup.select("table.stack"):
            names = [tag.get_text(" ", strip=True) for tag in table.select("thead th")]
            for row in table.select("tbody tr"):
                for name, cell in zip(names, row.select("td"), strict=True):
                    assert cell.get("data-column", name) == name and (
                        cell.has_attr("data-column") or not cell.get_text(strip=True)
                    )


def test_the_page_says_who_wrote_it_which_evidence_it_shows_and_since_when(post):
    soup = BeautifulSoup((post.directory / "index.html").read_text(encoding="utf-8"), "html.parser")
    told = soup.select_one(".byline").get_text(" ", strip=True)
    authors = re.findall(r'^  - name: "(.+)"', (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    linked = json.loads(soup.select_one("script[type='application/ld+json']").string)
    assert ", ".join(authors) in told and linked["author"]["name"] == ", ".join(authors)
    assert soup.select_one("meta[property='og:type']")["content"] == linked["@type"].lower() == "article"
    known = subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=%h %cs", "--", "results"], capture_output=True, text=True)
    if known.returncode == 0 and known.stdout:  # a copy without its history has no commit to name
        commit, date = known.stdout.split()
        assert commit[:7] in told and soup.select_one(".byline time:last-of-type")["datetime"] == date
        feed = (post.directory / "feed.xml").read_text(encoding="utf-8")
        assert linked["dateModified"][:10] == date and f"<updated>{date}T" in feed


def test_with_the_address_that_pages_gives_all_that_is_shared_is_absolute(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    write_sample(source, SAMPLE)
    config = source / "_config.yml"
    text = config.read_text(encoding="utf-8")
    for name, value in (("url", "https://example.org"), ("repository", "owner/name")):
        text = re.sub(rf'^{name}: ""', f'{name}: "{value}"', text, flags=re.MULTILINE)
    config.write_text(text)
    site = build(source, tmp_path / "out" / "site")
    soup = BeautifulSoup((site / "index.html").read_text(encoding="utf-8"), "html.parser")
    assert soup.select_one("link[rel=canonical]")["href"] == f"https://example.org{BASEURL}/"
    assert "https://github.com/owner/name" in [link["href"] for link in soup.select(".byline a")]
    assert f"Sitemap: https://example.org{BASEURL}/sitemap.xml" in (site / "robots.txt").read_text(encoding="utf-8")


def test_a_fork_changes_one_file_and_has_its_own_name_and_address_everywhere(tmp_path):
    own = {"title": "Sequences, ahoy", "tagline": "A fork", "baseurl": "/another-name"}
    text = (ROOT / "_config.yml").read_text(encoding="utf-8")
    for name, value in own.items():
        text, changed = re.subn(rf"^{name}: .*$", f'{name}: "{value}"', text, flags=re.MULTILINE)
        assert changed == 1
    (tmp_path / "_config.yml").write_text(text, encoding="utf-8")
    directory = build(ROOT, tmp_path / "out" / "site", tmp_path / "_config.yml")
    site = Site(directory, f"http://localhost{own['baseurl']}/")
    assert dead_links(site, None) == []
    written = {".html", ".xml", ".txt", ".js", ".css", ".json"}
    texts = {path: path.read_text(encoding="utf-8") for path in directory.rglob("*") if path.suffix in written}
    assert [path for path, text in texts.items() if f"{BASEURL}/" in text] == []
    post = BeautifulSoup(texts[directory / "index.html"], "html.parser")
    assert (post.h1.text, post.select_one(".subtitle").text) == (own["title"], own["tagline"])
    assert own["title"] in post.title.text and own["title"] in post.select_one("meta[property='og:title']")["content"]
    assert "@misc{sequences_ahoy," in post.text and "{Sequences, ahoy A fork}" in post.text
    loads = [tag.get("src") or tag["href"] for tag in post.select("[src], link[href]:not([rel=canonical])")]
    assert loads and all(not each.startswith("/") or each.startswith(own["baseurl"] + "/") for each in loads)
    for each in (urldefrag(each)[0].removeprefix(own["baseurl"]) for each in loads if each.startswith("/")):
        assert (directory / each.lstrip("/")).exists(), each


@pytest.mark.parametrize("width", [360, 1440])
def test_the_contents_stay_in_reach(post, browser, width):
    with opened(post, browser, viewport={"width": width, "height": 740}, reduced_motion="reduce") as (page, _, _):
        page.evaluate("scrollTo(0, 9000)")
        if width == 1440:
            assert page.locator(".contents.beside").bounding_box()["y"] < 740
            return
        page.locator(".to-contents.floating").click()
        page.locator(".to-contents:not(.floating)").wait_for(state="attached")
        assert 0 <= page.locator("#contents").bounding_box()["y"] < 740


NUMBER = "main a.number[data-from='evaluations.local_dt_halfcheetah_12000.return_mean']"
DRAWER = """() => {
  const open = document.querySelector('.drawer:popover-open');
  const focus = document.activeElement === open;
  return open && {id: open.id, text: open.textContent, focus, box: open.getBoundingClientRect().toJSON()};
}"""

# Opens drawers all at once, below one another: they would close, or cover, each other.
OPEN = """(drawers) => {
  for (const drawer of drawers.map((name) => document.querySelector(name))) {
    drawer.removeAttribute('popover');
    drawer.style.cssText = 'display: block; position: static; max-height: none';
  }
}"""


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("gesture", ["click", "touch", "keyboard"])
def test_a_number_that_is_touched_opens_its_drawer_and_escape_leads_back(post, browser, gesture, width):
    with opened(post, browser, viewport={"width": width, "height": 740}, has_touch=gesture == "touch") as (page, messages, _):
        number = page.locator(NUMBER).first
        number.scroll_into_view_if_needed()
        if gesture == "click":
            number.click()
        elif gesture == "touch":
            number.tap()
        else:
            number.focus()
            page.keyboard.press("Enter")
        seen = until(page, DRAWER, bool)  # a tap becomes a click in another process
        assert f"#{seen['id']}" == number.get_attribute("href") and seen["focus"] and "made by" in seen["text"]
        box = seen["box"]
        assert box["left"] >= 0 and box["right"] <= width and box["top"] >= 0 and box["bottom"] <= 740
        page.keyboard.press("Escape")
        until(page, DRAWER, lambda found: found is None)
        assert page.evaluate("document.activeElement.classList.contains('number')")
        assert messages == []


def test_without_javascript_a_number_leads_to_its_drawer_and_back(post, browser):
    from playwright.sync_api import expect

    with opened(post, browser, java_script_enabled=False) as (page, _, _):
        number = page.locator(NUMBER).first
        drawer = page.locator(number.get_attribute("href"))
        assert not drawer.is_visible()
        number.click()
        expect(drawer).to_be_visible(timeout=PATIENCE)
        assert "made by" in drawer.text_content()
        drawer.locator(".close").click()
        expect(drawer).to_be_hidden(timeout=PATIENCE)


def test_an_open_drawer_gives_axe_no_cause_for_complaint(post, browser):
    from axe_playwright_python.sync_playwright import Axe

    for scheme, width in (("light", 1440), ("dark", 360)):
        with opened(post, browser, color_scheme=scheme, viewport={"width": width, "height": 900}) as (page, _, _):
            for link in (page.locator("main a.number").first, page.locator("main a.from").first):
                link.evaluate("(element) => element.click()")
                assert page.evaluate(DRAWER)
                found = Axe().run(page, context=".drawer:popover-open", options={"resultTypes": ["violations"]})
                assert found.response["violations"] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_drawers_opened_at_once_give_axe_no_cause_for_complaint(post, browser, scheme):
    from axe_playwright_python.sync_playwright import Axe

    for address, soup in post.pages():
        drawers = [f"#{drawer['id']}" for drawer in soup.select(".drawer")]
        with opened(post, browser, address, color_scheme=scheme, viewport={"width": 360, "height": 900}) as (page, _, _):
            page.evaluate("for (const part of document.querySelectorAll('main > :not(.drawers)')) part.remove()")
            page.evaluate(OPEN, drawers)
            options = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
            found = Axe().run(page, context=".drawers", options=options).response["violations"] if drawers else []
            assert [(each["id"], each["nodes"][0]["target"]) for each in found] == []


# ---- the checks themselves ----


@pytest.mark.parametrize("check", CHECKS)
def test_the_sample_gives_no_cause_for_complaint(check, sample, browser):
    with served(sample) as site:
        assert check(site, browser) == []


def adding(html):
    """Return the change that puts `html` at the end of the page's text."""
    return "</main>", html + "</main>"


BROKEN_PAGES = [  # (check, words of the complaint, changes ...)
    (console_messages, "error: ", adding("<script>console.error('inline')</script>")),
    (console_messages, "warning: mind", ("Security-Policy", "None"), adding("<script>console.warn('mind')</script>")),
    (foreign_or_failed_loads, "https://example.org/a.png", adding('<img src="https://example.org/a.png" alt="a">')),
    (foreign_or_failed_loads, "none.js", (r"assets/page\.js", "assets/none.js")),
    (foreign_or_failed_loads, "/assets/page.js", (rf'src="{BASEURL}/assets', 'src="/assets')),
    (sideways_scroll, "window of 768 px", adding('<div style="width: 900px">wide</div>')),
    (sideways_scroll, "window of 320 px", ('class="scroll"', ""), ("<td>", '<td style="white-space: nowrap">' + "wide " * 99)),
    (bad_pictures, "no alternative text", (r'alt="A square"', 'alt=" "')),
    (bad_pictures, "does not load", (r'src="[^"]*still\.png"', 'src="none.png"')),
    (bad_pictures, "declares 65,48 but is 64,48", (r'width="64"', 'width="65"')),
    (unset_formulas, "raw formula '$x$'", adding("<p>Raw $x$ here.</p>")),
    (unset_formulas, "KaTeX refused", adding('<p class="katex-error">\\foo</p>')),
    (unset_formulas, "not their font", (r"assets/style\.css", "none.css")),
    (unset_formulas, "no formula at all", (r"<math.*?</math>", "")),
    (axe_violations, "color-contrast", adding('<p style="color: #ccc; background: #fff">Pale words</p>')),
    (axe_violations, "in dark: color-contrast", adding('<p style="color: #333">Dark words</p>')),
    (axe_violations, "html-has-lang", (' lang="en"', "")),
    (
        axe_violations,
        "scrollable-region-focusable",
        (r'(class="scroll"[^>]*?) tabindex="0"', r"\1"),
        ("<td>", '<td style="white-space: nowrap">' + "wide " * 99),
    ),
    (dead_links, "nowhere.html", adding('<a href="nowhere.html">Dead</a>')),
    (dead_links, "#nowhere", adding('<a href="#nowhere">Dead</a>')),
    (dead_links, "links to /", adding('<a href="/">Outside</a>')),
    (dead_links, "http://example.org", adding('<a href="http://example.org">Not https</a>')),
    (heading_disorder, "skips a level", (r"<(/?)h2", r"<\1h4")),
    (heading_disorder, "2 first-level headings", adding("<h1>Another</h1>")),
    (repeated_ids, "first-section twice", adding('<p id="first-section">Again</p>')),
    (leftover_liquid, "{{ number }}", adding("<p>{{ number }}</p>")),
    (leftover_liquid, "{% include x %}", adding("<p>{% include x %}</p>")),
    (motion_in_spite_of_the_reader, "moving.gif moves", (r"<source[^>]*>", "")),
    (motion_in_spite_of_the_reader, "none.png does not load", (r"moving_poster\.png", "none.png")),
    (loose_security, "allows script-src", ("script-src 'self'", "script-src 'self' 'unsafe-inline'")),
    (loose_security, "no strict policy", (r"<meta http-equiv[^>]*>", "")),
    (loose_security, "inline <style>", adding("<style>p { color: red }</style>")),
]


def broken_copy(sample, directory, changes):
    """Copy the built sample and apply each (pattern, replacement) to its first page."""
    shutil.copytree(sample, directory)
    page = directory / "index.html"
    for pattern, replacement in changes:
        text, count = re.subn(pattern, replacement, page.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert count, f"{pattern} is not in the sample"
        page.write_text(text)
    return directory


@pytest.mark.parametrize(("check", "words", "changes"), [(check, words, rest) for check, words, *rest in BROKEN_PAGES])
def test_a_page_broken_on_purpose_gives_cause_for_complaint(check, words, changes, sample, browser, tmp_path):
    with served(broken_copy(sample, tmp_path / "site", changes)) as site:
        complaints = check(site, browser)
    assert any(words in complaint for complaint in complaints), complaints


def test_a_stray_file_gives_cause_for_complaint(sample, browser, tmp_path):
    directory = broken_copy(sample, tmp_path / "site", [])
    (directory / "README.html").write_text("")
    with served(directory) as site:
        assert unexpected_files(site, browser) == ["README.html is published"]


def test_every_check_has_been_seen_to_fail():
    assert {check for check, *_ in BROKEN_PAGES} | {unexpected_files} == set(CHECKS)


def test_a_changed_byte_is_a_difference(sample, tmp_path):
    assert differences(sample, broken_copy(sample, tmp_path / "site", [("Opening", "opening")])) == ["index.html"]


# ---- what the build refuses, and how it sets formulas and numbers ----


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{{ site.data.numbers.values.missing }}", "undefined variable missing"),
        (
            "{% number measured.run_a.nothing %}",
            "there is no nothing in the evidence, which {% number measured.run_a.nothing %} names",
        ),
        ("{% number measured run_a %}", "write {% number kind.name.quantity %}"),
        ("{% from tabulate:none measured/nobody %}", "there is no result measured/nobody"),
        ("{% claim nobody holds %}So.{% endclaim %}", "nobody has judged the claim nobody"),
        ("{% claim stable surely %}So.{% endclaim %}", "write {% claim id verdict %}, one of holds, holds in part"),
        (
            "{% claim dt-obeys holds %}So.{% endclaim %}",
            "the claim dt-obeys is said to be “holds”, and its verdict is “does not hold”",
        ),
        ("{{ site.data.numbers.values.large | unknown }}", "undefined filter unknown"),
        ("{{ site.data.numbers.values.text | fixed: 1 }}", 'fixed needs a finite number, not "1e-05"'),
        (r"A formula: $\unknown{x}$.", r"\unknown"),
        ("Power $2^{{10}}$.", "{{10}} in index.md is Liquid, not braces: write it with a space between them, { {…} }"),
        (r"Half, $\frac{{ 1 }}{2}$.", "{{ 1 }} in index.md is Liquid"),
        ("Code, `f'{{\"a\"}}'`.", '{{"a"}} in index.md is Liquid'),
        ("Nothing, `x_{{}}`.", "{{}} in index.md is Liquid"),
        ('{% include figure.html name="none" type="png" alt="a" caption="b" %}', "undefined variable"),
    ],
)
def test_the_build_fails_and_says_why(text, sentence, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    finished = run_jekyll(write_sample(source, f"---\ntitle: Broken\n---\n{text}\n"), tmp_path / "out" / "site")
    assert finished.returncode != 0
    assert sentence in finished.stderr


def test_neither_the_folders_name_nor_the_systems_encoding_changes_a_byte(sample, tmp_path, monkeypatch):
    source = tmp_path / "x[1]{a,b}?"
    source.mkdir()
    write_sample(source, SAMPLE)
    for name in ("some.lock", "requirements.txt", "a/__pycache__/b"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("not to be published")
    monkeypatch.setenv("RUBYOPT", "-EISO-8859-1")
    assert differences(sample, build(source, tmp_path / "out" / "site")) == []


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (tmp_path / "file").touch()
    finished = run_jekyll(write_sample(source, SAMPLE), tmp_path / "out" / "site", tmp_path / "file" / "site")
    assert finished.returncode == 1 and "file/site cannot be written: build elsewhere with --destination" in finished.stderr
    assert len(finished.stderr.strip().splitlines()) == 1


def test_a_build_writes_nothing_beside_the_site_so_that_a_read_only_checkout_can_be_built_elsewhere(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    before = set(write_sample(source, SAMPLE).rglob("*"))
    build(source, tmp_path / "out" / "site")
    assert set(source.rglob("*")) == before


def test_dollars_follow_pandocs_rules_and_numbers_their_format(tmp_path):
    cases = {
        "a $x$ b": ["x"],
        "a $p(a | s)$ | no table": ["p(a | s)"],
        "$x_1$ and $y_2$": ["x_1", "y_2"],
        "it costs $5 or $6": [],
        "$20,000 and USD$30": [],
        "a $ x$ and $x $": [],
        r"a \$x\$ b": [],
        "`$x$` and ``a ` $y$``": [],
        "a $a<b$ and $c>d$": ["a<b", "c>d"],
        r"$\{x\}$ and $\|x\|$": [r"\{x\}", r"\|x\|"],
        "*a $x*y$ b*": ["x*y"],
        "```\n$x$\n```": [],
        "$$E = m$$": ["E = m"],
        "{% raw %}$2^{{10}}${% endraw %} and $3^{ {4} }$": ["2^{{10}}", "3^{ {4} }"],
        "a $x\n+ y\n- z$ b": ["x + y - z"],
        "a $x\n2. y$ b": ["x 2. y"],
        "| $P(a | s)$ | b |\n|---|---|\n| $c | d$ | e |": ["P(a | s)", "c | d"],
    }
    fixed = json.loads((ROOT / "tests" / "golden" / "fixed.json").read_text(encoding="utf-8"))  # as tests/show has Python
    numbers = {f"{Decimal(str(number)):f} | fixed: {decimals}": text for number, decimals, text in fixed} | {"2.6 | fixed": "3"}
    text = "".join(f'<div markdown="1" class="case">\n{case}\n</div>\n\n' for case in cases)
    text += "".join(f'<p class="number">{{{{ {number} }}}}</p>\n' for number in numbers)
    source = tmp_path / "source"
    source.mkdir()
    site = build(write_sample(source, f"---\ntitle: Cases\n---\n{text}"), tmp_path / "out" / "site")
    soup = BeautifulSoup((site / "index.html").read_text(encoding="utf-8"), "html.parser")
    found = [[note.get_text() for note in case.select("annotation")] for case in soup.select(".case")]
    assert found == list(cases.values())
    assert [tag.get_text() for tag in soup.select(".number")] == list(numbers.values())
    assert not re.search("[\ue000-\ue002]", soup.get_text())
