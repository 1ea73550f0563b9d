"""Rotary positions: equal to complex multiplication, and seen only as distances."""

import pytest
import torch
from torch.testing import assert_close

from course_utils.positions import rotary_table, rotate


def turn(x, places, head_dim):
    angles = rotary_table(64, head_dim)[places].double()
    return rotate(x, angles.cos(), angles.sin())


def test_rotating_a_pair_is_multiplying_by_a_complex_number_of_length_one():
    x, places = torch.randn(5, 8, dtype=torch.float64), torch.tensor([0, 1, 7, 30, 63])
    pairs = torch.complex(x[:, :4], x[:, 4:])
    frequency = 10_000.0 ** (-torch.arange(4, dtype=torch.float64) / 4)
    turned = pairs * torch.exp(1j * places[:, None] * frequency)
    assert_close(turn(x, places, 8), torch.cat((turned.real, turned.imag), -1), atol=1e-5, rtol=0)


def test_the_product_of_a_query_and_a_key_depends_on_their_distance_only():
    q, k = torch.randn(2, 1, 8, dtype=torch.float64)
    here = [(turn(q, torch.tensor([p + 5]), 8) * turn(k, torch.tensor([p]), 8)).sum() for p in (0, 3, 20, 50)]
    assert_close(torch.stack(here), here[0].expand(4), atol=1e-5, rtol=0)
    assert abs((turn(q, torch.tensor([6]), 8) * turn(k, torch.tensor([0]), 8)).sum() - here[0]) > 1e-3


@pytest.mark.parametrize(
    ("length", "head_dim", "told"), [(0, 8, "length is 0"), (4, 7, "head_dim is 7"), (4, 0, "head_dim is 0")]
)
def test_a_table_that_cannot_be_is_told(length, head_dim, told):
    with pytest.raises(ValueError, match=told):
        rotary_table(length, head_dim)
