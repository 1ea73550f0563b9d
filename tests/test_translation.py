"""Batches of pairs, the loss by teacher forcing, a few steps of learning, and translating."""

import pytest
import torch

from course_utils.encoder_decoder import EncoderDecoder
from course_utils.gpt import GPTConfig
from course_utils.tales.spanish import draw_sentence, part_of
from course_utils.training import IGNORED, Trainer, TrainingConfig, count_targets, train
from course_utils.translation import (
    BOS,
    EOS,
    PAD,
    FreshPairs,
    encode_pairs,
    pairs_tokenizer,
    translate,
    translation_loss,
)

TOKENIZER = pairs_tokenizer()
PAIRS = [("Mara lost a kite.", "Mara perdió una cometa."), ("She lost it.", "La perdió.")]


def small(seed: int = 0) -> EncoderDecoder:
    torch.manual_seed(seed)
    return EncoderDecoder(GPTConfig(TOKENIZER.vocab_size, 33, n_layer=1, n_head=2, n_embd=16))


@pytest.fixture
def special() -> dict[str, int]:
    return TOKENIZER.special_tokens


def test_the_tokenizer_knows_every_word_of_every_part():
    for part in ("train", "sentences", "combinations"):
        for seed in range(20_000, 21_000):
            sentence = draw_sentence(seed, part)
            TOKENIZER.encode(" ".join((sentence.english, *sentence.spanish)))


def test_a_translation_survives_the_tokenizer():
    for seed in range(200):
        for text in draw_sentence(seed).spanish:
            assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


def test_targets_are_the_inputs_one_later_and_padding_is_not_learned(special):
    source, source_mask, inputs, targets = encode_pairs(TOKENIZER, PAIRS)
    assert source_mask.sum(1).tolist() == [5, 4]
    assert (source[1, 4:] == special[PAD]).all()
    for row, (_, spanish) in enumerate(PAIRS):
        ids = TOKENIZER.encode(spanish)
        assert inputs[row, : len(ids) + 1].tolist() == [special[BOS], *ids]
        assert targets[row, : len(ids) + 1].tolist() == [*ids, special[EOS]]
        assert (targets[row, len(ids) + 1 :] == IGNORED).all()
    assert (targets != special[BOS]).all()


def test_the_loss_is_the_sum_of_each_pair_alone():
    model = small()
    together = translation_loss(model, encode_pairs(TOKENIZER, PAIRS))
    alone = sum(translation_loss(model, encode_pairs(TOKENIZER, [pair])) for pair in PAIRS)
    torch.testing.assert_close(together, alone)


def test_accumulated_steps_equal_whole_ones():
    data = FreshPairs(TOKENIZER, 4)
    losses = []
    for parts in (1, 2):
        trainer = Trainer(small(), TrainingConfig(3, accumulation=parts), translation_loss, count_targets)
        losses.append([trainer.step(*data(step)) for step in range(3)])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_batches_are_a_function_of_the_step_and_hold_training_sentences_only(monkeypatch):
    data = FreshPairs(TOKENIZER, 3)
    for one, two in zip(data(5), FreshPairs(TOKENIZER, 3)(5), strict=True):
        torch.testing.assert_close(one, two)
    assert not torch.equal(data(5)[0], data(6)[0])
    assert all(part_of(draw_sentence(seed)) == "train" for seed in range(1_000_000, 1_000_100))
    with pytest.raises(ValueError, match="batch_size is 0"):
        FreshPairs(TOKENIZER, 0)


def test_a_few_pairs_are_learned_by_heart_and_translated():
    model, batch = small(), encode_pairs(TOKENIZER, PAIRS)
    train(model, lambda step: batch, TrainingConfig(80, 0.02), loss=translation_loss)
    texts = [english for english, _ in PAIRS]
    expected = [spanish for _, spanish in PAIRS]
    assert translate(model, TOKENIZER, texts) == expected
    assert translate(model, TOKENIZER, texts, batch_size=1) == expected
    assert translate(model, TOKENIZER, texts, width=3) == expected
    with pytest.raises(ValueError, match="width is 0"):
        translate(model, TOKENIZER, texts, width=0)


def test_translating_leaves_the_model_as_it_was_and_drops_nothing():
    torch.manual_seed(0)
    model = EncoderDecoder(GPTConfig(TOKENIZER.vocab_size, 33, n_layer=1, n_head=2, n_embd=16, dropout=0.5))
    for mode in (True, False):
        model.train(mode)
        found = [translate(model, TOKENIZER, ["Mara lost a kite."] * 3, batch_size=size) for size in (1, 3)]
        assert found[0] == found[1]
        assert len({*found[0]}) == 1
        assert model.training == model.decoder_blocks[0].training == mode
    assert all(weight.grad is None for weight in model.parameters())


def test_what_cannot_be_translated_or_drawn_is_told():
    with pytest.raises(ValueError, match=r"texts is 'She lost it.'; it takes a list"):
        translate(small(), TOKENIZER, "She lost it.")
    with pytest.raises(ValueError, match=r"batch_size is 2\.5"):
        FreshPairs(TOKENIZER, 2.5)
    with pytest.raises(ValueError, match="step is -1"):
        FreshPairs(TOKENIZER, 2)(-1)
