"""Unmodified Node clients against the running product: 2,000 events each, in health and through an outage.

    python -m tests.clients.node

Installs @segment/analytics-node and @rudderstack/rudder-sdk-node with npm into a cache. Skips where Node is absent.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.clients import packages
from tests.clients.counting_proxy import counting_proxy
from tests.clients.proof import EVENTS, Outage, Run, Weather, own_product
from tests.outages import Product

SCRIPTS = {"@segment/analytics-node": "segment.js", "@rudderstack/rudder-sdk-node": "rudder.js"}
PATIENCE_SECONDS = 300


def main() -> int:
    packages.need("node", "npm")
    installed, wanted, failed = packages.install(), sys.argv[1:], 0
    with own_product() as running:
        for client, script in SCRIPTS.items():
            for weather in Weather if not wanted or client in wanted else ():
                with counting_proxy(running.base_url) as proxy:
                    run = Run(client, weather, proxy)
                    send(run, running, _placed(script, installed))
                    problems = run.problems(running)
                    failed += bool(problems)
                    print(run.in_words(problems), flush=True)
    return 1 if failed else 0


def _placed(script: str, installed: Path) -> Path:
    """Copy a script beside node_modules, where its imports are found."""
    return Path(shutil.copy(Path(__file__).with_name(script), installed / script))


def send(run: Run, running: Product, script: Path) -> None:
    """Let the script send; it stops in the middle until it is told to go on, so that the outage meets it there."""
    wish = {"host": run.proxy.url, "writeKey": running.write_key, "event": run.event, "events": EVENTS}
    node = subprocess.Popen(
        ["node", str(script), json.dumps(wish)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert node.stdin is not None and node.stdout is not None
    assert node.stdout.readline().strip() == "half", node.communicate()
    outage = Outage(running)
    if run.weather is Weather.OUTAGE:
        outage.begin()
    node.stdin.write("go\n")
    node.stdin.flush()
    told, complained = node.communicate(timeout=PATIENCE_SECONDS)
    if run.weather is Weather.OUTAGE:
        outage.wait()
    if node.returncode:
        run.complaints.append(f"the client ended with {node.returncode}: {complained[-500:]}")
    else:
        run.sent.update(json.loads(told.splitlines()[-1])["sent"])


if __name__ == "__main__":
    sys.exit(main())
