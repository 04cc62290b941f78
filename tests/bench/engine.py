"""What the local engine reads and writes: `python -m tests.bench.engine [--against FOLDER] [--model M] [--json]`.

Needs an idle machine. The prompt is a page of the manual, some 900 tokens; 1, 4 and 16 texts of 40 tokens follow it.
With `--against`, a folder of llama.cpp's libraries from another build, both take turns; the fastest of three counts.

read        prompt tokens a second
read_full   the same, beside 12,000 tokens of other talks that the cache keeps
write_N     completion tokens a second, N texts at a time
*_ratio     this build over the other
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

from appliance.config import load_config
from appliance.requests import shelf
from models.chat import ChatMessage, Sampling
from models.llama import LlamaChild, LlamaSettings

PAGE = Path(__file__).parents[2] / "docs" / "explorer.md"
LETTERS, TOKENS, ROUNDS = 3500, 40, 3
AT_ONCE = (1, 4, 16)
LIBRARIES = "LLAMA_CPP_LIB_PATH"


def measured(gguf: Path) -> dict[str, float]:
    """Tokens a second, in a child of its own."""
    talk = [ChatMessage("user", f"{PAGE.read_text()[:LETTERS]}\nWrite this again in other words, at length.")]
    with LlamaChild(LlamaSettings(gguf, context_tokens=4096, kv_tokens=16384, parallel=max(AT_ONCE))) as model:
        prompt_tokens, began = model.count_tokens(talk), time.monotonic()
        model.drafts(talk, [Sampling(max_tokens=1)])
        speeds = {"read": prompt_tokens / (time.monotonic() - began)}
        for number in AT_ONCE:
            began = time.monotonic()
            texts = model.drafts(talk, [Sampling(temperature=1, seed=n, max_tokens=TOKENS) for n in range(number)])
            speeds[f"write_{number}"] = sum(text.completion_tokens for text in texts) / (time.monotonic() - began)
        for other in range(1, 15):
            model.drafts([ChatMessage("user", PAGE.read_text()[other * 500 :][:LETTERS])], [Sampling(max_tokens=1)])
        began = time.monotonic()
        model.drafts([ChatMessage("user", f"Read. {talk[0].content}")], [Sampling(max_tokens=1)])
        return speeds | {"read_full": prompt_tokens / (time.monotonic() - began)}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--against", type=Path, help="a folder of another build's libraries")
    options.add_argument("--model", default="qwen2.5-coder-1.5b")
    options.add_argument("--json", action="store_true")
    asked = options.parse_args()
    gguf = shelf(load_config(os.environ)[0]).get(asked.model).path
    builds: dict[str, list[dict[str, float]]] = {"": []} | ({str(asked.against): []} if asked.against else {})
    for _ in range(ROUNDS):
        for libraries, speeds in builds.items():
            os.environ.pop(LIBRARIES, None)
            if libraries:
                os.environ[LIBRARIES] = libraries
            speeds.append(measured(gguf))
    best = [{name: max(one[name] for one in speeds) for name in speeds[0]} for speeds in builds.values()]
    figures = {name: round(speed, 1) for name, speed in best[0].items()}
    if asked.against:
        figures |= {f"{name}_ratio": round(speed / best[1][name], 2) for name, speed in best[0].items()}
    print(json.dumps(figures) if asked.json else "\n".join(f"{name:16} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
