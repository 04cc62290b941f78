"""The adapter that is trained: LoRA on all linear layers of a frozen base, by PEFT."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import PreTrainedModel

LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, slots=True)
class LoraSettings:
    rank: int = 32
    alpha: float = 64.0


def add_lora(base: PreTrainedModel, settings: LoraSettings) -> PeftModel:
    """A fresh adapter in float32: B is zero, so that it changes nothing yet."""
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,  # type: ignore[arg-type]  # any number will do
        lora_dropout=0.0,  # the tokens' log-probs before and after an update must come from one network
        target_modules=list(LINEARS),
        bias="none",
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        # PEFT asks transformers in words that it is going to lose; nothing here depends on them.
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
        model = get_peft_model(base, config, autocast_adapter_dtype=True)
    for parameter in trained(model):
        parameter.data = parameter.data.float()
    assert isinstance(model, PeftModel)
    return model


def trained(model: torch.nn.Module) -> list[torch.nn.Parameter]:
    """In a fixed order."""
    return [parameter for _, parameter in sorted(model.named_parameters()) if parameter.requires_grad]


def save_lora(model: PeftModel, folder: Path) -> None:
    """PEFT's two files, on the disk when this returns."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # a model card with nothing in it
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def load_lora(model: PeftModel, folder: Path) -> None:
    set_peft_model_state_dict(model, load_file(folder / "adapter_model.safetensors"))
