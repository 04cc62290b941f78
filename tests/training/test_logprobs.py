from __future__ import annotations

import pytest
import torch

from training.logprobs import token_logprobs

T, H, V = 37, 24, 211


def given(dtype=torch.float32):
    torch.manual_seed(3)
    hidden = torch.randn(T, H, dtype=dtype, requires_grad=True)
    return hidden, torch.randn(V, H, dtype=dtype), torch.randint(0, V, (T,)), torch.randn(T)


@pytest.mark.parametrize("chunk", [1, 7, T, 512])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_chunks_give_what_the_whole_gives_in_value_and_gradient(chunk, temperature):
    hidden, head, labels, weights = given()
    whole = torch.log_softmax(hidden @ head.T / temperature, dim=1).gather(1, labels[:, None])[:, 0]
    (whole * weights).sum().backward()
    wanted, hidden.grad = hidden.grad, None
    ours = token_logprobs(hidden, head, labels, temperature=temperature, chunk_tokens=chunk)
    (ours * weights).sum().backward()
    assert torch.allclose(ours, whole, atol=1e-5)
    assert torch.allclose(hidden.grad, wanted, atol=1e-5)


def test_the_frozen_head_gets_no_gradient():
    hidden, head, labels, _ = given()
    head.requires_grad_(True)
    token_logprobs(hidden, head, labels).sum().backward()
    assert head.grad is None


def test_half_precision_stays_finite_and_close():
    hidden, head, labels, _ = given(torch.bfloat16)
    whole = torch.log_softmax((hidden @ head.T).float(), dim=1).gather(1, labels[:, None])[:, 0]
    ours = token_logprobs(hidden, head, labels)
    ours.sum().backward()
    assert torch.allclose(ours, whole, atol=1e-3)
    assert torch.isfinite(hidden.grad).all()


def test_no_tokens_are_no_error():
    assert token_logprobs(torch.empty(0, H), torch.empty(V, H), torch.empty(0, dtype=torch.long)).shape == (0,)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": torch.full((T,), V)}, "no token of a vocabulary of 211"),
        ({"labels": torch.zeros(T - 1, dtype=torch.long)}, "shapes do not fit"),
        ({"head": torch.zeros(V, H + 1)}, "shapes do not fit"),
        ({"chunk_tokens": 0}, "at least one token"),
        ({"temperature": 0.0}, "above 0"),
    ],
)
def test_what_cannot_be_is_refused(change, said):
    hidden, head, labels, _ = given()
    with pytest.raises(ValueError, match=said):
        token_logprobs(**{"hidden": hidden, "head": head, "labels": labels, **change})
