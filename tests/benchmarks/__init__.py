"""Ratios against stated yardsticks, measured in one run: `python -m tests.benchmarks` (no timed unit tests)."""
