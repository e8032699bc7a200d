"""`python -m tests.segments.past_check --data <folder>`: why at a past time against the evidence frozen at the flips.

The product must be running on the folder (the demo, say). Flips are drawn from all there are; of every one that differs
it says by how much time the nearest recording of one of that person's events lay beside it, since a claim that was
still open while the lane judged is known at that moment and was not seen.
"""

import argparse
import os
import random
import sys
import time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="var", help="the folder that the product runs on")
    parser.add_argument("--flips", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    os.environ["CDP_DATA_DIR"] = asked.data
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")
    os.environ.setdefault("CDP_BOOTSTRAP", "0")
    import django

    django.setup()
    from tests.segments.agreement import compare, flips

    drawn = flips()
    chosen = random.Random(asked.seed).sample(drawn, min(asked.flips, len(drawn)))
    started = time.monotonic()
    differences = [told for flip in chosen if (told := compare(flip))]
    each = 1000 * (time.monotonic() - started) / max(1, len(chosen))
    for told in differences:
        print(told)
    print(f"{len(chosen) - len(differences)} of {len(chosen)} flips (of {len(drawn)}) equal their evidence;"
          f" {each:.1f} ms each")  # fmt: skip
    sys.exit(1 if differences or not chosen else 0)


if __name__ == "__main__":
    main()
