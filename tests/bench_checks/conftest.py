from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "appliance")]
# The tests may run as an account that cannot write into the checkout, and on machines busy with other things.
settings.register_profile("appliance", database=None, deadline=None)
settings.load_profile("appliance")
