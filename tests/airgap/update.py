"""One small update of an adapter over the installed model, saved as the file that the engine serves, and served."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import torch

from appliance.config import load_config
from appliance.requests import shelf
from models.chat import ChatMessage, Sampling
from models.gguf_file import read_gguf
from models.llama import LlamaChild, LlamaSettings
from tests.airgap.__main__ import MODEL
from tests.bench.training import group_of
from training.base import load_base
from training.batches import Turn
from training.gguf_adapter import write_gguf_adapter
from training.lora import LoraSettings, add_lora, save_lora, trained
from training.machine import sampled
from training.step_grpo import Trainer, TrainSettings

TOKENS, DRAFTS = 24, 2


def main() -> int:
    config, _ = load_config(os.environ)
    path = shelf(config).get(MODEL).path
    with LlamaChild(LlamaSettings(path, context_tokens=4096, threads=1)) as served:
        answers = sampled(served, TOKENS, DRAFTS)
    model = add_lora(load_base(path, "gguf"), LoraSettings(rank=4, alpha=8.0))
    before = [one.detach().clone() for one in trained(model)]
    turns = [Turn(one.prompt_token_ids, one.token_ids, one.logprobs, 0, None) for one in answers]
    report = Trainer(model, TrainSettings()).update([group_of(turns)])
    moved = sum(not torch.equal(old, new) for old, new in zip(before, trained(model), strict=True))
    print(report, f"{moved} of {len(before)} tensors moved")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        save_lora(model, folder)
        write_gguf_adapter(folder, folder / "adapter.gguf", "qwen2", read_gguf(path).number("block_count"))
        settings = LlamaSettings(path, context_tokens=4096, threads=1, adapters=((folder / "adapter.gguf", 1.0),))
        with LlamaChild(settings) as served:
            said = served.chat([ChatMessage("user", "Say a word.")], Sampling(max_tokens=4, seed=1)).text
    print(f"served with the adapter: {said!r}")
    return 0 if moved else 1


if __name__ == "__main__":
    sys.exit(main())
