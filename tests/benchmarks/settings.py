"""The product's settings with two more addresses."""

from cdp.settings import *  # noqa: F403

ROOT_URLCONF = "tests.benchmarks.yardsticks"
MIDDLEWARE = ["tests.benchmarks.timing.timed", *MIDDLEWARE]  # noqa: F405
