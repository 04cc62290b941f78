"""Step-GRPO on the box's own scores: rewards, group advantages, loss and log-probs as pure functions."""

import logging
import os

# Libraries that PEFT imports look for faster kernels on a hub while they are imported; here nothing is fetched.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
