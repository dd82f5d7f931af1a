"""The cheetah on the built page in Firefox, driven through WebDriver BiDi, which stock Firefox speaks."""

import json
import re
import shutil
import subprocess
from contextlib import contextmanager

import pytest
from websockets.sync.client import connect

from tests.wheel.test_page import EPISODE, PATIENCE, WATCH, is_nodes

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
pytestmark = pytest.mark.skipif(FIREFOX is None, reason="Firefox is not installed: `apt install firefox-esr`")
EVENTS = ["log.entryAdded", "network.responseCompleted", "network.fetchError"]


class Page:
    """One tab: commands are answered in their order, events are kept."""

    def __init__(self, socket):
        self.socket, self.count, self.events = socket, 0, []
        self.send("session.new", capabilities={})
        self.send("session.subscribe", events=EVENTS)
        self.tab = self.send("browsingContext.getTree")["contexts"][0]["context"]

    def send(self, method, **params):
        """The result of a command."""
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": params}))
        while True:
            said = json.loads(self.socket.recv(timeout=PATIENCE / 1000))
            if said.get("id") == self.count:
                assert said["type"] == "success", said
                return said["result"]
            self.events.append(said)

    def evaluate(self, expression):
        """What an expression, or the promise it gives, comes to, as JSON can have it."""
        told = self.send(
            "script.evaluate",
            expression=f"Promise.resolve({expression}).then(JSON.stringify)",
            target={"context": self.tab},
            awaitPromise=True,
        )
        assert told["type"] == "success", told
        return json.loads(told["result"]["value"]) if told["result"]["type"] == "string" else None

    def until(self, expression):
        """Wait until an expression is true."""
        again = "requestAnimationFrame(look)"
        looking = f"new Promise((found) => {{ const look = () => ({expression}) ? found(true) : {again}; look(); }})"
        assert self.evaluate(looking)

    def of(self, kind):
        """Parameters of the events of a kind so far."""
        return [event["params"] for event in self.events if event.get("method") == kind]


@contextmanager
def firefox(folder):
    """A tab of a Firefox with a profile of its own."""
    words = [FIREFOX, "--headless", "--no-remote", "--profile", str(folder), "--remote-debugging-port", "0", "about:blank"]
    (folder / "user.js").write_text(
        'user_pref("datareporting.policy.dataSubmissionEnabled", false);\n'
        'user_pref("app.normandy.enabled", false);\n'
        'user_pref("network.captive-portal-service.enabled", false);\n'
        'user_pref("network.connectivity-service.enabled", false);\n',
        encoding="utf-8",
    )
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    try:
        address = next(found[0] for line in process.stderr if (found := re.search(r"ws://\S+", line)))
        with connect(f"{address}/session", max_size=None, open_timeout=PATIENCE / 1000) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


def test_firefox_runs_it_through_the_click_and_computes_what_node_does(post, tmp_path):
    with firefox(tmp_path) as page:
        page.send("browsingContext.navigate", context=page.tab, url=post.address, wait="complete")
        assert not [each for each in page.of("network.responseCompleted") if "/assets/wheel/" in each["request"]["url"]]
        page.evaluate("document.querySelector('.wheel').scrollIntoView({ behavior: 'instant' })")
        page.evaluate("document.querySelector('.wheel-offer button').click()")
        page.until("document.querySelector('.wheel').dataset.state === 'running'")
        page.until("Number(document.querySelector('.wheel-step').textContent) >= 10")
        page.evaluate(f"({WATCH})('force')")
        page.evaluate("document.querySelector('[data-push=lift]').click()")
        page.until("kept.some(Boolean) && kept.at(-1) === 0")
        page.evaluate("document.querySelector('.wheel-run').click()")
        page.until("document.querySelector('.wheel').dataset.state === 'paused'")
        assert is_nodes(page.evaluate(EPISODE % json.dumps(post.address + "assets/wheel/worker.js")))
        responses = [each for each in page.of("network.responseCompleted") if not each["request"]["url"].startswith("data:")]
        assert {each["response"]["status"] for each in responses} <= {200, 304}
        assert [url for url in (each["request"]["url"] for each in responses) if not url.startswith(post.address)] == []
        assert page.of("log.entryAdded") == page.of("network.fetchError") == []
