"""The trainer's weights are the server's: format by format, layer by layer, token by token, and with an adapter."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean

import gguf
import numpy as np
import pytest
import torch

from models.chat import ChatMessage, Sampling
from models.errors import AdapterError
from models.llama import LlamaChild, LlamaSettings
from models.tiny import write_tiny_gguf
from training.base import UntrainableBase, head_of, load_base
from training.gguf_adapter import write_gguf_adapter
from training.gguf_blocks import BLOCKS, dequantise
from training.gguf_linear import GgufLinear
from training.logprobs import token_logprobs
from training.lora import LoraSettings, add_lora, save_lora, trained

Kind = gguf.GGMLQuantizationType
ASKED = [ChatMessage("user", "Write a page about bread.")]
FREE = Sampling(temperature=1.0, top_p=1.0, max_tokens=96, seed=5)
_HALVES = {Kind.Q4_K: (0, 2), Kind.Q5_K: (0, 2), Kind.Q6_K: (208,), Kind.F16: (0,), Kind.BF16: (0,)}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny_gguf(tmp_path_factory.mktemp("base") / "tiny.gguf")


@pytest.fixture(scope="module")
def served(tiny):
    with LlamaChild(LlamaSettings(tiny, context_tokens=4096, threads=2, parallel=6)) as model:
        yield model


def some_rows(kind, rows=6, blocks=3):
    """Random bytes, with factors that are small numbers; no format but the plain ones has others."""
    random = np.random.default_rng(11)
    if kind in (Kind.F32, Kind.F16, Kind.BF16):
        numbers = random.standard_normal((rows, 96)).astype(np.float32)
        return gguf.quants.quantize(numbers, kind).view(np.uint8)
    _, size = gguf.GGML_QUANT_SIZES[kind]
    found = random.integers(0, 256, (rows * blocks, size), dtype=np.uint8)
    for at in _HALVES.get(kind, (0,)):
        found[:, at : at + 2] = random.uniform(1e-3, 1e-2, (rows * blocks, 1)).astype(np.float16).view(np.uint8)
    return found.reshape(rows, -1)


@pytest.mark.parametrize("kind", BLOCKS, ids=lambda kind: kind.name)
def test_blocks_become_exactly_the_numbers_of_the_gguf_package(kind):
    rows = some_rows(kind)
    assert np.array_equal(dequantise(torch.from_numpy(rows.copy()), kind).numpy(), gguf.quants.dequantize(rows, kind))


def test_a_format_nobody_knows_is_named():
    with pytest.raises(ValueError, match="IQ2_XS cannot be trained on"):
        dequantise(torch.zeros(1, 74, dtype=torch.uint8), Kind.IQ2_XS)


@pytest.mark.parametrize("kind", [Kind.Q4_K, Kind.Q6_K, Kind.Q8_0], ids=lambda kind: kind.name)
def test_a_layer_of_blocks_multiplies_and_passes_gradients_like_the_dense_one(kind):
    rows = torch.from_numpy(some_rows(kind).copy())
    dense = dequantise(rows, kind)
    layer = GgufLinear(rows, kind, dense.shape[1], torch.arange(6.0), torch.float32)
    ours, theirs = (torch.randn(2, 5, dense.shape[1], generator=torch.manual_seed(0)).requires_grad_() for _ in "ab")
    out, wanted = layer(ours), theirs @ dense.T + torch.arange(6.0)
    out.square().sum().backward()
    wanted.square().sum().backward()
    assert torch.equal(out, wanted)
    assert torch.equal(ours.grad, theirs.grad)
    assert layer.weight.numel() == 0


def scored(model, prompt, tokens):
    """Log-probs of the tokens after the prompt."""
    ids = torch.tensor([[*prompt, *tokens]])
    with torch.no_grad():
        hidden = model.get_base_model().model(ids) if hasattr(model, "get_base_model") else model.model(ids)
        hidden = hidden.last_hidden_state[0]
        head = head_of(model.get_base_model() if hasattr(model, "get_base_model") else model)
        return token_logprobs(hidden[len(prompt) - 1 : -1], head, torch.tensor(tokens))


def difference(model, completion):
    ours = scored(model, completion.prompt_token_ids, completion.token_ids)
    return (ours - torch.tensor(completion.logprobs)).abs().mean().item()


@pytest.fixture(scope="module")
def answers(served):
    """Several, because a text of random weights is one of chance; written together, as several rows of a batch."""
    found = served.drafts(ASKED, [replace(FREE, seed=seed) for seed in range(6)], record=True)
    assert all(len(answer.token_ids) > 20 for answer in found)
    return found


def mean_difference(model, answers):
    return mean(difference(model, answer) for answer in answers)


@pytest.mark.parametrize(("kind", "most"), [("gguf", 0.1), ("fp32", 0.1), ("bf16", 0.2), ("int8", 0.3), ("nf4", 2.6)])
def test_the_base_gives_the_servers_tokens_the_servers_log_probs(tiny, answers, kind, most):
    # llama.cpp rounds activations to 8 bits for quantised weights.
    assert mean_difference(load_base(tiny, kind), answers) < most


def test_a_long_prompt_is_read_as_the_trainer_reads_it(tiny, served):
    # More rows than one panel of the engine's kernels takes, and a rest that no group of four does.
    asked = [ChatMessage("user", "Write a page about bread, rye and salt. " * 9)]
    answer = served.chat(asked, replace(FREE, max_tokens=24), record=True)
    assert len(answer.prompt_token_ids) > 300
    assert difference(load_base(tiny, "gguf"), answer) < 0.1


def test_a_layer_with_the_wrong_weights_would_be_seen(tiny, answers):
    model = load_base(tiny, "fp32")
    rows = model.model.layers[1].mlp.down_proj.weight
    rows.data = rows.data.flip(0)
    assert mean_difference(model, answers) > 3.5


def test_blocks_take_a_fraction_of_the_room(tiny):
    def held(model):
        return sum(t.numel() * t.element_size() for t in [*model.parameters(), *model.buffers()])

    assert held(load_base(tiny, "gguf")) < 0.35 * held(load_base(tiny, "fp32"))


def test_an_adapter_is_served_as_it_was_trained_and_leaves_no_trace(tiny, served, tmp_path):
    before = served.chat(ASKED, FREE, record=True)
    model = add_lora(load_base(tiny, "gguf"), LoraSettings(rank=4, alpha=8.0))
    assert difference(model, before) < 0.08  # B is zero
    random = torch.manual_seed(1)
    for parameter in trained(model):
        parameter.data = torch.randn(parameter.shape, generator=random) * 0.15
    effect = difference(model, before)
    save_lora(model, tmp_path / "peft")
    write_gguf_adapter(tmp_path / "peft", tmp_path / "adapter.gguf", "qwen2", layers=2)
    served.set_adapters([(tmp_path / "adapter.gguf", 1.0)])
    try:
        with_it = served.chat(ASKED, FREE, record=True)
        assert difference(model, with_it) < 0.1
        assert effect > 0.3
    finally:
        served.set_adapters([])
    assert served.chat(ASKED, FREE, record=True).logprobs == before.logprobs


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"bias": "all"}, "bias"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
    ],
)
def test_what_cannot_be_served_is_refused_before_it_is_written(tiny, tmp_path, change, said):
    import json

    save_lora(add_lora(load_base(tiny, "gguf"), LoraSettings(rank=2)), tmp_path)
    path = tmp_path / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(AdapterError, match=said):
        write_gguf_adapter(tmp_path, tmp_path / "adapter.gguf", "qwen2", layers=2)
    assert not (tmp_path / "adapter.gguf").exists()


def test_an_architecture_nobody_knows_is_refused(tmp_path):
    path = write_tiny_gguf(tmp_path / "eyes.gguf", architecture="qwen2vl")
    with pytest.raises(UntrainableBase, match="qwen2vl"):
        load_base(path, "gguf")
