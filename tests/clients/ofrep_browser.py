"""The unmodified web provider of OpenFeature in headless Chromium, on a page of another origin.

    python -m tests.clients.ofrep_browser

Installs @openfeature/ofrep-web-provider with npm into a cache and bundles it. Skips with a sentence where Node or a
browser is absent. The page asks every half second: unchanged flags are answered 304, a change arrives by itself.
"""

import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, Response, sync_playwright

from tests.clients import flags, packages
from tests.clients.flags import QUESTIONS
from tests.clients.proof import own_product
from tests.journeys.test_admin_browser import ARGUMENTS, PROGRAMS
from tests.outages import Product

PAGE = '<!doctype html><title>flags</title><link rel="icon" href="data:,"><script src="flags.js"></script>'
POLLS = 3


def main() -> int:
    packages.need("node", "npm")
    chromium = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if chromium is None:
        print(f"Skipped: no browser, none of {', '.join(PROGRAMS)} is on the PATH.")
        return 0
    installed = packages.install(flags.PACKAGES)
    with own_product() as running, _site(installed) as origin:
        with flags.in_the_database_of(running):
            flags.publish_germans()
        flags.settle_in(running.base_url, write_key=running.write_key, read_key=running.read_key)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
            problems = visit(browser, running, origin)
            browser.close()
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


@contextmanager
def _site(installed: Path) -> Iterator[str]:
    """Serve the page with its bundled script, from an origin of its own."""
    site = installed / "flags"
    site.mkdir(exist_ok=True)
    source = shutil.copy(flags.scripts() / "browser.js", installed / "ofrep-browser.js")
    options = ("--bundle", "--format=iife", "--log-level=error", f"--outfile={site / 'flags.js'}")
    subprocess.run([installed / "node_modules" / ".bin" / "esbuild", source, *options], cwd=installed, check=True)
    (site / "flags.html").write_text(PAGE)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def visit(browser: Browser, running: Product, origin: str) -> list[str]:
    """Ask everything about two people, then change one and wait until the page has noticed."""
    page, statuses, problems = browser.new_page(), Counter[int](), []

    def answered(answer: Response) -> None:
        if answer.request.method == "POST":
            statuses[answer.status] += 1

    page.on("response", answered)
    page.on("pageerror", lambda error: problems.append(f"page: {error}"[:300]))
    wish = {"host": running.base_url, "key": running.read_key, "who": "user_id:ada"}
    page.goto(f"{origin}/flags.html?{urlencode(wish)}")
    page.evaluate("begin()")
    for question in QUESTIONS:
        page.evaluate("who => become(who)", question.who)
        problems.append(question.problem(page.evaluate("question => ask(question)", question.asked())))
    page.evaluate("become('nobody')")
    nobody = flags.Question("Boolean", "segment.germans", True, "nobody", True)
    problems.append(nobody.problem(page.evaluate("question => ask(question)", nobody.asked())))
    problems += _polls(page, running, statuses)
    problems = [told for told in problems if told]
    told = f"{len(QUESTIONS) + 1} flags asked, answers {dict(sorted(statuses.items()))}, {len(problems)} wrong"
    print(f"@openfeature/ofrep-web-provider: {told}")
    return problems


def _polls(page: Page, running: Product, statuses: Counter[int]) -> Iterator[str]:
    page.evaluate("become('ada')")
    before = statuses[304]
    page.wait_for_timeout(3000)
    if statuses[304] < before + POLLS:
        yield f"unchanged flags were not answered 304: {dict(statuses)}"
    flags.identify(running.base_url, running.write_key, "ada", country="FR")
    left = "() => ask({kind: 'Boolean', flag: 'segment.germans', fallback: true}).value === false"
    page.wait_for_function(left, timeout=60_000)


if __name__ == "__main__":
    sys.exit(main())
