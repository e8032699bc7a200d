"""Messages as destinations get them, verified by the unmodified npm package.

    python -m tests.clients.webhooks_node

Installs standardwebhooks with npm into a cache. Skips with a sentence where Node is absent.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import django

PACKAGES = {"standardwebhooks": "1.1.1"}


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")
    os.environ.setdefault("CDP_DATA_DIR", tempfile.mkdtemp(prefix="cdp-webhooks-"))
    django.setup()
    from tests.clients import packages

    packages.need("node", "npm")
    installed = packages.install(PACKAGES)
    wish = _messages()
    script = shutil.copy(Path(__file__).parent / "webhooks" / "verify.js", installed / "verify-webhooks.js")
    command = ["node", script, json.dumps(wish)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        print(done.stderr[-2000:])
        return 1
    found = json.loads(done.stdout.splitlines()[-1])
    wrong = [(one["name"], answer) for one, answer in zip(wish, found, strict=True) if answer != one["expected"]]
    print(f"npm standardwebhooks {PACKAGES['standardwebhooks']}: {len(wish)} messages verified, {len(wrong)} wrong")
    for name, answer in wrong:
        print(f"{name}: {answer}")
    return 1 if wrong else 0


def _messages() -> list[dict[str, object]]:
    """One as it should be, one during a rotation for either secret, and three that must not pass."""
    from segments.delivery import signing
    from segments.delivery.messages import Message, headers

    old, new, now = signing.new_secret(), signing.new_secret(), int(time.time())
    message = Message(uuid4(), "shop", 7, "entered", "high-intent", 3, "", datetime.now(UTC))

    def told(name: str, expected: str, *, keys: list[bytes], secret: bytes, at: int = now, body: bytes | None = None):
        signed = signing.signature(message_id=message.id, timestamp=at, body=message.body, keys=keys)
        return {
            "name": name,
            "expected": expected,
            "secret": signing.spelled(secret),
            "headers": headers(message_id=message.id, timestamp=at, signature=signed),
            "body": (body or message.body).decode(),
        }

    return [
        told("one secret", "profile.segment.entered", keys=[new], secret=new),
        told("rotation, old", "profile.segment.entered", keys=[new, old], secret=old),
        told("rotation, new", "profile.segment.entered", keys=[new, old], secret=new),
        told("revoked", "No matching signature found", keys=[new], secret=old),
        told("too old", "Message timestamp too old", keys=[new], secret=new, at=now - 400),
        told("another body", "No matching signature found", keys=[new], secret=new, body=b'{"type":"x"}'),
    ]


if __name__ == "__main__":
    sys.exit(main())
