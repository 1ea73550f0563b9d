"""Every scheme against an independent formula, and what must depend on distance only does."""

import math

import pytest
import torch
from torch.testing import assert_close
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.gpt_neox.modeling_gpt_neox import apply_rotary_pos_emb

from course_utils.positions import (
    LearnedPositions,
    RelativeBias,
    alibi_bias,
    alibi_slopes,
    distances,
    rotary_table,
    rotate,
    sinusoidal_table,
)


def turn(x, places, head_dim):
    angles = rotary_table(64, head_dim)[places].double()
    return rotate(x, angles.cos(), angles.sin())


def test_rotating_a_pair_is_multiplying_by_a_complex_number_of_length_one():
    x, places = torch.randn(5, 8, dtype=torch.float64), torch.tensor([0, 1, 7, 30, 63])
    pairs = torch.complex(x[:, :4], x[:, 4:])
    frequency = 10_000.0 ** (-torch.arange(4, dtype=torch.float64) / 4)
    turned = pairs * torch.exp(1j * places[:, None] * frequency)
    assert_close(turn(x, places, 8), torch.cat((turned.real, turned.imag), -1), atol=1e-5, rtol=0)


def test_rotation_is_that_of_transformers():
    q, k = torch.randn(2, 3, 4, 10, 8)  # two of (B, H, T, D)
    angles = rotary_table(10, 8)
    whole = torch.cat((angles, angles), -1)[None]  # (1, T, D): theirs holds every angle twice
    theirs = apply_rotary_pos_emb(q, k, whole.cos(), whole.sin())
    assert_close((rotate(q, angles.cos(), angles.sin()), rotate(k, angles.cos(), angles.sin())), theirs)


def test_the_product_of_a_query_and_a_key_depends_on_their_distance_only():
    q, k = torch.randn(2, 1, 8, dtype=torch.float64)
    here = [(turn(q, torch.tensor([p + 5]), 8) * turn(k, torch.tensor([p]), 8)).sum() for p in (0, 3, 20, 50)]
    assert_close(torch.stack(here), here[0].expand(4), atol=1e-5, rtol=0)
    assert abs((turn(q, torch.tensor([6]), 8) * turn(k, torch.tensor([0]), 8)).sum() - here[0]) > 1e-3


def test_sinusoids_are_the_paper_s():
    table = sinusoidal_table(50, 12)
    for position in (0, 1, 7, 49):
        for i in range(6):
            angle = position / 10_000 ** (2 * i / 12)
            assert table[position, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[position, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


def test_the_product_of_two_sinusoids_depends_on_their_distance_only():
    table = sinusoidal_table(100, 16).double()
    products = table @ table.T
    for far in (0, 1, 5, 40):
        along = products.diagonal(far)
        assert_close(along, along[:1].expand_as(along), atol=1e-5, rtol=0)
    assert products[0, 0] == pytest.approx(8)  # C / 2 pairs, each of length one


def test_learned_positions_add_one_row_to_each_place_whatever_stands_there():
    torch.manual_seed(0)
    positions, x = LearnedPositions(6, 4), torch.randn(2, 3, 4)
    added = positions(x) - x
    assert_close(added, positions.table.weight[:3].expand(2, 3, 4))


def test_more_tokens_than_learned_positions_are_refused():
    with pytest.raises(ValueError, match="there are 7 tokens and the table of positions has 6 rows"):
        LearnedPositions(6, 4)(torch.zeros(1, 7, 4))


def test_a_relative_bias_is_the_table_s_row_of_the_distance_and_clips():
    bias = RelativeBias(n_head=3, longest=4)
    torch.nn.init.normal_(bias.table.weight)
    scores = bias(9, 9)
    for query in range(9):
        for key in range(query + 1):
            row = bias.table.weight[min(query - key, 4)]
            assert torch.equal(scores[:, query, key], row)
    assert torch.equal(bias(2, 9), scores[:, -2:])  # a cache asks for the last queries only


def test_a_relative_bias_changes_nothing_before_training():
    assert not RelativeBias(2, 8)(5, 5).any()


@pytest.mark.parametrize("n_head", [1, 2, 3, 4, 6, 8, 12, 16])
def test_alibi_is_that_of_transformers(n_head):
    # Theirs adds the key's position, which differs by a constant along a row: softmax does not see it.
    theirs = build_alibi_tensor(torch.ones(1, 7), n_head, torch.float32)  # (n_head, 1, T)
    ours = alibi_bias(n_head, 7, 7)
    last = ours[:, -1:]
    assert_close(last - last[..., :1], theirs - theirs[..., :1])
    assert_close(ours[:, 4, :5], last[:, 0, 2:])  # by distance only
    assert not ours.triu(1).any()  # later keys: closing them is left to a mask


def test_alibi_s_eight_slopes_are_the_halves():
    assert alibi_slopes(8).tolist() == [2.0**-i for i in range(1, 9)]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: rotary_table(0, 8), "length is 0"),
        (lambda: rotary_table(4, 7), "head_dim is 7"),
        (lambda: rotary_table(4, 0), "head_dim is 0"),
        (lambda: sinusoidal_table(0, 8), "length is 0"),
        (lambda: sinusoidal_table(4, 5), "n_embd is 5"),
        (lambda: distances(3, 2), "there are 3 queries and 2 keys"),
        (lambda: RelativeBias(2, 0), "longest is 0"),
        (lambda: alibi_slopes(0), "n_head is 0"),
    ],
)
def test_what_cannot_be_is_told(call, told):
    with pytest.raises(ValueError, match=told):
        call()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_what_is_rotated_keeps_its_dtype(dtype):
    x, angles = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0)), rotary_table(5, 8)
    found = rotate(x.to(dtype), angles.cos(), angles.sin())
    assert found.dtype == dtype
    exact = rotate(x, angles.cos(), angles.sin())
    assert_close(found.float(), exact, atol=0.05 if dtype == torch.bfloat16 else 1e-6, rtol=0)
