"""Random numbers of a context: those that torch's own functions would draw, and no trace afterwards."""

import pytest
import torch

from sweep.training.randomness import fork_rng

CPU = torch.device("cpu")


def test_the_numbers_are_those_of_torch_manual_seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2**62 + 1)
        expected = torch.randn(5), torch.randperm(7)
    with fork_rng(2**62 + 1, CPU):
        got = torch.randn(5), torch.randperm(7)
    assert all(map(torch.equal, got, expected))


def test_the_numbers_drawn_around_it_are_as_without_it():
    torch.manual_seed(1)
    expected = torch.randn(4)
    torch.manual_seed(1)
    first = torch.randn(2)
    with pytest.raises(RuntimeError, match="shape"), fork_rng(5, CPU):
        torch.randn(3).reshape(2)
    assert torch.equal(torch.cat([first, torch.randn(2)]), expected)
