"""Unmodified browser clients in headless Chromium, on a page of another origin: 2,000 events each, an outage too.

    python -m tests.clients.browser

Installs the SDKs with npm into a cache and bundles them locally: no request leaves this machine, which is checked.

A browser's SDK keeps about a hundred unsent events in localStorage and drops the oldest beyond them. So the page is
paced as a person would pace it: never more than fifty events are on their way. A beacon is sent without learning its
answer, so what meets an outage is lost by its nature; that way of sending is proven in health alone, and at most twenty
events at a time, because a browser refuses beacons beyond 64 KB that are under way and the SDK then drops them.
"""

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

from tests.clients import packages
from tests.clients.counting_proxy import counting_proxy
from tests.clients.proof import EVENTS, Outage, Run, Weather, own_product
from tests.journeys.test_admin_browser import ARGUMENTS, PROGRAMS
from tests.outages import Product


@dataclass(frozen=True, slots=True)
class Client:
    """A page's script and its way of sending, what it is proven in, and how many events may be on their way."""

    script: str
    strategy: str
    weathers: tuple[Weather, ...] = tuple(Weather)
    on_their_way: int = 50


CLIENTS = {
    "analytics-next, standard": Client("segment", "standard"),
    "analytics-next, batching": Client("segment", "batching"),
    "analytics-js": Client("rudder", "xhr"),
    "analytics-js, beacon": Client("rudder", "beacon", (Weather.HEALTHY,), on_their_way=20),
}
PAGE = '<!doctype html><title>{script}</title><link rel="icon" href="data:,"><script src="{script}.js"></script>'
PATIENCE_SECONDS = 240
LOOPBACK = "127.0.0.1"


def main() -> int:
    packages.need("node", "npm")
    chromium = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if chromium is None:
        print(f"Skipped: no browser, none of {', '.join(PROGRAMS)} is on the PATH.")
        return 0
    wanted, failed = sys.argv[1:], 0
    with own_product() as running, pages(packages.install()) as origin, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for name, client in CLIENTS.items():
            for weather in client.weathers if not wanted or name in wanted else ():
                with counting_proxy(running.base_url) as proxy:
                    run = Run(name, weather, proxy)
                    visit(run, client, running, browser, origin)
                    problems = run.problems(running)
                    failed += bool(problems)
                    print(run.in_words(problems), flush=True)
        browser.close()
    return 1 if failed else 0


@contextmanager
def pages(installed: Path) -> Iterator[str]:
    """Serve one page per SDK, bundled with it, from an origin of their own."""
    site = installed / "site"
    site.mkdir(exist_ok=True)
    for script in sorted({client.script for client in CLIENTS.values()}):
        source = shutil.copy(Path(__file__).with_name(f"{script}.js"), installed / f"browser-{script}.js")
        bundler = installed / "node_modules" / ".bin" / "esbuild"
        options = ("--bundle", "--format=iife", "--log-level=error", f"--outfile={site / script}.js")
        subprocess.run([bundler, source, *options], cwd=installed, check=True)
        page = (
            f'<!doctype html><title>{script}</title><link rel="icon" href="data:,"><script src="{script}.js"></script>'
        )
        (site / f"{script}.html").write_text(page)
    server = ThreadingHTTPServer((LOOPBACK, 0), partial(_Silent, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{LOOPBACK}:{server.server_address[1]}"
    server.shutdown()


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def visit(run: Run, client: Client, running: Product, browser: Browser, origin: str) -> None:
    """Open the page and have it send everything; the outage meets it in the middle."""
    context = browser.new_context()
    page = context.new_page()
    listen(page, run)
    wish = {"writeKey": running.write_key, "host": run.proxy.url, "event": run.event, "strategy": client.strategy}
    page.goto(f"{origin}/{client.script}.html?{urlencode(wish)}")
    page.evaluate("ready()")
    outage = Outage(running)
    step = client.on_their_way // 2
    for first in range(0, EVENTS, step):
        if first == EVENTS // 2 and run.weather is Weather.OUTAGE:
            outage.begin()
        page.evaluate(f"send({first}, {first + step})")
        wait_until_delivered(page, run, first + step - client.on_their_way + step)
    wait_until_delivered(page, run, EVENTS)
    run.sent.update(page.evaluate("sent()"))
    if run.weather is Weather.OUTAGE:
        outage.wait()
    context.close()


def wait_until_delivered(page: Page, run: Run, count: int) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while len(run.proxy.delivered) < count and time.monotonic() < until:
        page.wait_for_timeout(20)


def listen(page: Page, run: Run) -> None:
    """Note every request that leaves this machine, and everything on the console but the failed requests themselves."""

    def request(seen: Any) -> None:
        parts = urlsplit(seen.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != LOOPBACK:
            run.complaints.append(f"asked {parts.hostname}")

    def console(message: Any) -> None:
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            run.complaints.append(f"console: {json.dumps(message.text)[:90]}")

    page.on("request", request)
    page.on("console", console)
    page.on("pageerror", lambda error: run.complaints.append(f"page: {error}"[:200]))


if __name__ == "__main__":
    sys.exit(main())
