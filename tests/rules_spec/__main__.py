"""Print the language's reference page: `python -m tests.rules_spec > segments/rules/REFERENCE.md`."""

import sys

from tests.rules_spec.reference_page import page

sys.stdout.write(page())
