"""The unmodified Node provider of OpenFeature against the running product.

    python -m tests.clients.ofrep_node

Installs @openfeature/ofrep-provider with npm into a cache. Skips with a sentence where Node is absent.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.clients import flags, packages
from tests.clients.flags import QUESTIONS
from tests.clients.proof import own_product
from tests.outages import Product


def main() -> int:
    packages.need("node", "npm")
    installed = packages.install(flags.PACKAGES)
    with own_product() as running:
        with flags.in_the_database_of(running):
            flags.publish_germans()
        flags.settle_in(running.base_url, write_key=running.write_key, read_key=running.read_key)
        return tell(running, installed)


def tell(running: Product, installed: Path) -> int:
    script = shutil.copy(flags.scripts() / "node.js", installed / "ofrep-node.js")
    # Where a flag has no value, this provider's version calls the answer unexpected; the default holds all the same.
    nobody = flags.Question("Boolean", "segment.germans", True, "nobody", True, "GENERAL")
    questions = (*QUESTIONS, nobody)
    wish = {"host": running.base_url, "key": running.read_key, "questions": [one.asked() for one in questions]}
    command = ["node", script, json.dumps(wish)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        print(done.stderr[-2000:])
        return 1
    found = json.loads(done.stdout.splitlines()[-1])
    problems = [told for one, answer in zip(questions, found, strict=True) if (told := one.problem(answer))]
    print(f"@openfeature/ofrep-provider: {len(questions)} flags asked, {len(problems)} wrong")
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
