"""The loop equals a plain one; parts equal the whole; an interrupted run goes on as if it had not been."""

import math
import signal
from dataclasses import replace

import pytest
import torch
from models import small_config, some_ids
from torch.testing import assert_close

from course_utils.checkpoints import load_checkpoint, save_checkpoint
from course_utils.encoder_decoder import EncoderDecoder
from course_utils.gpt import GPT
from course_utils.llama import Llama, LlamaConfig
from course_utils.tokenizers import CharTokenizer, WordTokenizer
from course_utils.training import (
    ProgressBar,
    Trainer,
    TrainingConfig,
    cross_entropy,
    describe_data,
    evaluate,
    next_token_loss,
    schedule,
    train,
)
from course_utils.windows import SlidingWindowDataset, StepBatches, make_loader


def fresh_model(seed=0, **changes):
    torch.manual_seed(seed)
    return GPT(small_config(**({"n_layer": 1} | changes)))


def batches(step):
    """A batch that depends on the step alone."""
    ids = some_ids(4, 9, seed=step)
    return ids[:, :-1], ids[:, 1:]


def with_compiled_blocks(model):
    model.blocks[1] = torch.compile(model.blocks[1])
    return model


def weights_of(model):
    return torch.cat([w.detach().flatten() for w in model.parameters()])


def plain_loop(model, config):
    """Training written out, with PyTorch's own parts only."""
    matrices = [w for n, w in model.named_parameters() if not n.endswith("bias") and "norm" not in n]
    others = [w for n, w in model.named_parameters() if n.endswith("bias") or "norm" in n]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    optimizer, losses = torch.optim.AdamW(groups, lr=1.0, betas=config.betas, foreach=False), []
    for step in range(config.steps):
        warm = round(config.warmup * config.steps)
        part = (step - warm) / (config.steps - warm)
        rate = (
            (step + 1) / warm
            if step < warm
            else config.final_rate + (1 - config.final_rate) * (1 + math.cos(math.pi * part)) / 2
        )
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * rate
        inputs, targets = batches(step)
        loss = torch.nn.functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_training_equals_a_plain_loop():
    config = TrainingConfig(steps=12, learning_rate=1e-2, warmup=0.25, clip=0.5)
    ours, plain = fresh_model().double(), fresh_model().double()
    history = train(ours, batches, config)
    assert_close(history.losses, plain_loop(plain, config), atol=1e-10, rtol=0)
    assert_close(weights_of(ours), weights_of(plain), atol=1e-10, rtol=0)


def test_the_schedule_rises_to_its_peak_and_ends_low():
    config = TrainingConfig(steps=100, learning_rate=2.0, warmup=0.1, final_rate=0.25)
    rates = [2.0 * schedule(step, config) for step in range(101)]
    assert_close(rates[0], 0.2)
    assert max(rates) == rates[9] == rates[10] == 2.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert_close(rates[55], (2.0 + 0.5) / 2)
    assert rates[100] == 0.5


def test_the_schedule_stays_level_as_long_as_asked_for():
    config = TrainingConfig(steps=100, warmup=0.1, stable=0.4, final_rate=0.0)
    rates = [schedule(step, config) for step in range(101)]
    assert rates[9:51] == [1.0] * 42
    assert rates[50:] == sorted(rates[50:], reverse=True)
    assert_close(rates[75], 0.5)
    assert rates[100] == 0.0


def test_a_model_that_knows_nothing_has_the_loss_of_chance():
    _, targets = batches(0)
    assert_close(cross_entropy(torch.zeros(4, 8, 37).double(), targets).item(), math.log(37))
    assert abs(cross_entropy(fresh_model()(batches(0)[0]), targets).item() - math.log(37)) < 0.05


def test_ignored_targets_do_not_count():
    logits, targets = torch.randn(2, 5, 7), some_ids(2, 5, vocab_size=7)
    some = targets.clone()
    some[0, 2:] = -100
    by_hand = -logits.log_softmax(-1).gather(-1, targets[..., None])[..., 0][some != -100].mean()
    assert_close(cross_entropy(logits, some), by_hand)


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8])
def test_flat_logits_and_smaller_integers_give_the_same_loss(dtype):
    logits, targets = torch.randn(2, 5, 7), some_ids(2, 5, vocab_size=7)
    expected = cross_entropy(logits, targets)
    assert_close(cross_entropy(logits.flatten(0, 1), targets.flatten()), expected, atol=0, rtol=0)
    assert_close(cross_entropy(logits, targets.to(dtype)), expected, atol=0, rtol=0)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda logits, y: (logits, y.T), r"logits are \(2, 5, 7\) and targets \(5, 2\) of torch.int64"),
        (lambda logits, y: (logits.flatten(0, 1), y), r"logits are \(10, 7\) and targets \(2, 5\)"),
        (lambda logits, y: (logits.flatten(1), y), r"logits are \(2, 35\) and targets \(2, 5\)"),
        (lambda logits, y: (logits.argmax(-1), y), r"logits are \(2, 5\) and targets \(2, 5\)"),
        (lambda logits, y: (logits, y.float()), "of torch.float32; they take"),
        (lambda logits, y: (logits[0, 0], y[0, 0]), r"logits are \(7,\) and targets \(\)"),
    ],
)
def test_logits_and_targets_that_do_not_go_together_are_told(change, told):
    with pytest.raises(ValueError, match=told):
        cross_entropy(*change(torch.randn(2, 5, 7), some_ids(2, 5, vocab_size=7)))


@pytest.mark.parametrize("parts", [2, 3, 4])
def test_parts_of_a_batch_equal_the_whole_also_with_unequal_numbers_of_targets(parts):
    inputs, targets = batches(0)
    targets = targets.clone()
    targets[0, 1:], targets[3, 4:] = -100, -100
    gradients, losses = [], []
    for accumulation in (1, parts):
        trainer = Trainer(fresh_model().double(), TrainingConfig(steps=1, accumulation=accumulation, clip=1e9))
        losses.append(trainer.step(inputs, targets))
        gradients.append(torch.cat([w.grad.flatten() for w in trainer.model.parameters()]))
    assert_close(losses[0], losses[1], atol=1e-12, rtol=0)
    assert_close(gradients[0], gradients[1], atol=1e-12, rtol=0)


@pytest.mark.parametrize("stop", [1, 4, 9])
@pytest.mark.parametrize(("dropout", "optimizer"), [(0.0, "adamw"), (0.3, "adamw"), (0.3, "muon")])
def test_a_run_that_stops_and_goes_on_equals_one_that_does_not(tmp_path, stop, dropout, optimizer):
    config = TrainingConfig(steps=10, learning_rate=1e-2, evaluate_every=5, optimizer=optimizer)
    validation = [batches(99)]
    whole = fresh_model(dropout=dropout)
    torch.manual_seed(5)
    expected = train(whole, batches, config, validation)

    class Stop(Exception):
        pass

    def power_cut(now):
        if now.step == stop + 1:
            raise Stop

    cut = fresh_model(dropout=dropout)
    torch.manual_seed(5)
    with pytest.raises(Stop):
        train(cut, batches, config, validation, [power_cut], tmp_path / "run.safetensors", save_every=1)
    again = fresh_model(seed=77, dropout=dropout)  # another process: other weights, other chance
    history = train(again, batches, config, validation, checkpoint=tmp_path / "run.safetensors")
    assert history.losses == expected.losses
    assert history.validation == expected.validation
    assert torch.equal(weights_of(again), weights_of(whole))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")
def test_chance_on_a_gpu_goes_on_too(tmp_path):
    model = fresh_model(dropout=0.3).cuda()
    trainer = Trainer(model, TrainingConfig(steps=4))
    trainer.save(tmp_path / "run.safetensors")
    expected = torch.rand(3, device="cuda")
    torch.cuda.manual_seed(99)
    Trainer(fresh_model(dropout=0.3).cuda(), TrainingConfig(steps=4)).resume(tmp_path / "run.safetensors")
    assert torch.equal(torch.rand(3, device="cuda"), expected)


FORMS = {
    "llama": {},
    "qwen": {"n_kv_head": 2, "qk_norm": True, "tied": True},
    "all": {"n_kv_head": 1, "window": 4, "value_residual": True, "soft_cap": 9.0, "mlp": "relu2", "zero_outputs": True},
    "experts": {"n_expert": 3, "n_hidden": 8},
}


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("form", FORMS)
def test_a_llama_that_was_interrupted_goes_on_bit_for_bit(tmp_path, form, optimizer):
    def fresh():
        torch.manual_seed(0)
        return Llama(LlamaConfig(37, 16, 2, 4, 16, dropout=0.2, **FORMS[form]))

    config, path, whole, again = TrainingConfig(6, optimizer=optimizer), tmp_path / "run.safetensors", fresh(), fresh()
    expected = train(whole, batches, config).losses
    torch.manual_seed(0)
    first = fresh()
    train(first, batches, config, checkpoint=path, callbacks=[stop_after(3)])
    assert not torch.equal(weights_of(first), weights_of(whole))
    assert train(again, batches, config, checkpoint=path).losses == expected
    assert torch.equal(weights_of(again), weights_of(whole))
    assert torch.equal(weights_of(load_checkpoint(path).model), weights_of(whole))


@pytest.mark.parametrize("kind", [GPT, EncoderDecoder, Llama])
def test_a_checkpoint_of_another_kind_of_model_is_refused_and_kept(tmp_path, kind):
    path, config, models = tmp_path / "run.safetensors", TrainingConfig(2), {}
    for one in (GPT, EncoderDecoder):
        models[one] = one(small_config(n_layer=1))
    models[Llama] = Llama(LlamaConfig(37, 16, 1, 4, 32))
    Trainer(models[kind], config).save(path)
    before = path.read_bytes()
    for other in models.keys() - {kind}:
        told = f"is from another run: model is {kind.__name__} there and {other.__name__} here. Give another path"
        with pytest.raises(ValueError, match=told):
            Trainer(models[other], config).resume(path)
    assert path.read_bytes() == before


def test_a_checkpoint_of_another_recipe_is_refused_and_kept(tmp_path):
    path = tmp_path / "run.safetensors"
    train(fresh_model(), batches, TrainingConfig(steps=2), checkpoint=path)
    before = path.read_bytes()
    for config, model in (
        (TrainingConfig(steps=3), fresh_model()),
        (TrainingConfig(steps=2), fresh_model(n_head=2)),
    ):
        with pytest.raises(
            ValueError, match=r"is from another run: (steps is 2 there and 3|n_head is 4 there and 2) here"
        ):
            train(model, batches, config, checkpoint=path)
    assert path.read_bytes() == before


def with_frozen(*parts):
    model = fresh_model(n_layer=2)
    for part in parts:
        model.get_submodule(part).requires_grad_(False)
    return model


@pytest.mark.parametrize("others", [("blocks.1",), (), ("blocks.0", "blocks.1")])
def test_a_run_that_froze_other_weights_is_another_run(tmp_path, others):
    path = tmp_path / "run.safetensors"
    train(with_frozen("blocks.0"), batches, TrainingConfig(steps=2), checkpoint=path)
    before = path.read_bytes()
    told = r"from another run: frozen is 12 weights, fingerprint \w{8}, there and (none|\d\d weights, f.*) here\. Give"
    with pytest.raises(ValueError, match=told):
        train(with_frozen(*others), batches, TrainingConfig(steps=4), checkpoint=path, extend=True)
    assert path.read_bytes() == before
    once = train(with_frozen("blocks.0"), batches, TrainingConfig(steps=2)).losses
    assert train(with_frozen("blocks.0"), batches, TrainingConfig(steps=2), checkpoint=path).losses == once


def test_a_checkpoint_from_before_frozen_weights_were_named_goes_on(tmp_path):
    path, config = tmp_path / "run.safetensors", TrainingConfig(steps=2)
    train(with_frozen("blocks.0"), batches, config, checkpoint=path)
    found = load_checkpoint(path)
    del found.metadata["frozen"]
    save_checkpoint(path, found.model, found.tokenizer, found.metadata, found.tensors)
    assert "all 2 steps" in Trainer(with_frozen("blocks.0"), config).resume(path)


def test_a_file_with_a_step_but_no_state_of_training_is_told(tmp_path):
    save_checkpoint(tmp_path / "model.safetensors", fresh_model(), metadata={"steps_done": 5})  # as `export` does
    with pytest.raises(ValueError, match="holds a model, but not the state of its training"):
        Trainer(fresh_model(), TrainingConfig(steps=9)).resume(tmp_path / "model.safetensors")


WORDS = ["a b c d e f g h", "h g f e d c b a"]


def of_text(text):
    """A tokenizer and batches as a learner makes them of a text."""
    tokenizer = CharTokenizer.from_text(text)
    return tokenizer, StepBatches(SlidingWindowDataset(tokenizer.encode(text) * 3, 8, 1), 4)


@pytest.mark.parametrize(
    ("tokenizer", "data", "told"),
    [
        (
            CharTokenizer.from_text("abcdefghi"),
            None,
            r"tokenizer is CharTokenizer of 9 tokens, fingerprint \w{8}, there and C.* here",
        ),
        (WordTokenizer.from_text(WORDS[0]), None, "tokenizer is CharTokenizer of 9 tokens, .* and WordTokenizer of 8"),
        (None, of_text(WORDS[1])[1], r"first batch is 2 tensors of \(4, 8\), fingerprint \w{8}, there and 2 tensors"),
        (None, lambda step: of_text(WORDS[0])[1](step)[::-1], "first batch is 2 tensors"),
        (
            None,
            lambda step: tuple(part[:2] for part in of_text(WORDS[0])[1](step)),
            r"first batch is .* and 2 tensors of \(2, 8\), fingerprint",
        ),
    ],
    ids=["another vocabulary", "another kind", "another text", "targets as inputs", "another batch size"],
)
def test_a_checkpoint_of_another_text_or_tokenizer_is_refused_and_kept(tmp_path, tokenizer, data, told):
    path, (own, batches) = tmp_path / "run.safetensors", of_text(WORDS[0])
    train(fresh_model(), batches, TrainingConfig(steps=2), checkpoint=path, tokenizer=own)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=f"is from another run: {told}"):
        train(fresh_model(), data or batches, TrainingConfig(steps=2), checkpoint=path, tokenizer=tokenizer or own)
    assert path.read_bytes() == before


def test_a_checkpoint_knows_its_tokenizer_also_where_a_later_run_is_given_none(tmp_path, capsys):
    path, (tokenizer, batches) = tmp_path / "run.safetensors", of_text(WORDS[0])
    train(fresh_model(), batches, TrainingConfig(steps=2), checkpoint=path, tokenizer=tokenizer)
    train(fresh_model(), batches, TrainingConfig(steps=2), checkpoint=path)
    assert load_checkpoint(path).tokenizer.vocab == tokenizer.vocab


def test_batches_drawn_at_random_are_the_same_data_and_naming_them_draws_nothing(tmp_path):
    def drawn(step):
        ids = torch.randint(37, (4, 9))
        return ids[:, :-1], ids[:, 1:]

    path, losses = tmp_path / "run.safetensors", []
    for seed, place, last in ((8, None, 3), (8, path, 2), (9, path, 3)):
        model = fresh_model()
        torch.manual_seed(seed)
        losses.append(train(model, drawn, TrainingConfig(3), checkpoint=place, callbacks=[stop_after(last)]).losses)
    assert losses[1] == losses[0][:2]
    assert losses[2] == losses[0]


def stop_after(step):
    def press_stop(now):
        if now.step == step:
            signal.raise_signal(signal.SIGINT)

    return press_stop


def test_it_says_where_a_run_goes_on_and_when_nothing_is_left(tmp_path, capsys):
    path, config = tmp_path / "run.safetensors", TrainingConfig(steps=4)
    train(fresh_model(), batches, config, checkpoint=path, callbacks=[stop_after(3)])
    assert "Going on" not in capsys.readouterr().out
    train(fresh_model(), batches, config, checkpoint=path)
    assert capsys.readouterr().out == "Going on from run.safetensors: step 3 of 4.\n"
    train(fresh_model(), batches, config, checkpoint=path)
    assert "run.safetensors has all 4 steps: nothing is left to do" in capsys.readouterr().out


def test_a_run_is_extended_on_request_and_it_says_what_that_does_to_the_schedule(tmp_path, capsys):
    path, short, long = tmp_path / "run.safetensors", TrainingConfig(steps=10), TrainingConfig(steps=20)
    first = train(fresh_model(), batches, short, checkpoint=path).losses
    with pytest.raises(ValueError, match=r"steps is 10 there and 20 here.*to step 20, pass extend=True"):
        train(fresh_model(), batches, long, checkpoint=path)
    with pytest.raises(ValueError, match=r"clip is 1\.0 there and 0.5 here"):
        train(fresh_model(), batches, replace(long, clip=0.5), checkpoint=path, extend=True)
    capsys.readouterr()
    config = replace(long, evaluate_every=5)  # looking more often changes nothing
    history = train(fresh_model(), batches, config, [batches(99)], checkpoint=path, extend=True)
    assert history.losses[:10] == first
    assert len(history.losses) == 20
    before, now = schedule(9, short), schedule(10, long)
    assert f"step 10 of 20. It was to end at step 10, so its learning rate had come to {before:.0%}" in (
        told := capsys.readouterr().out
    )
    assert f"has {now:.0%} here" in told
    with pytest.raises(ValueError, match="steps is 20 there and 10 here") as told:
        train(fresh_model(), batches, short, checkpoint=path, extend=True)
    assert "extend=True" not in str(told.value)


def test_a_checkpoint_from_before_data_were_named_goes_on_and_learns_their_name(tmp_path):
    path, config = tmp_path / "run.safetensors", TrainingConfig(steps=3)
    Trainer(fresh_model(), config).save(path)
    assert load_checkpoint(path).metadata["data"] is None
    assert len(train(fresh_model(), batches, config, checkpoint=path).losses) == 3
    assert load_checkpoint(path).metadata["data"] == describe_data(batches)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"model": torch.nn.Linear(2, 2)}, "the model is a Linear"),
        ({"tokenizer": {"a": 0}}, "the tokenizer is a dict"),
        ({"tokenizer": CharTokenizer({"a": 37}, {})}, "the tokenizer has 38 ids and the model a vocabulary of 37"),
        ({"checkpoint": "."}, "which is a folder"),
    ],
)
def test_a_run_that_could_not_be_saved_ends_before_it_begins(tmp_path, arguments, told):
    model = arguments.pop("model", None) or fresh_model()
    before = weights_of(model)
    with pytest.raises(ValueError, match=told):
        train(model, batches, TrainingConfig(steps=2), **{"checkpoint": tmp_path / "a"} | arguments)
    assert torch.equal(weights_of(model), before)


def test_a_place_where_nobody_may_write_is_told_before_the_first_step(tmp_path):
    model = fresh_model()
    before = weights_of(model)
    (tmp_path / "file").write_text("a file, where a folder would have to be")
    with pytest.raises(OSError, match=r"could not write .*run\.safetensors"):
        train(model, batches, TrainingConfig(steps=2), checkpoint=tmp_path / "file" / "run.safetensors")
    assert torch.equal(weights_of(model), before)
    train(model, batches, TrainingConfig(steps=2), checkpoint=tmp_path / "run.safetensors")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "run.safetensors"]


@pytest.mark.parametrize("wrap", [torch.compile, torch.nn.DataParallel, with_compiled_blocks])
def test_a_wrapped_model_goes_on_from_a_plain_one_and_the_other_way_round(tmp_path, wrap):
    path, config = tmp_path / "run.safetensors", TrainingConfig(steps=3)
    whole = fresh_model(n_layer=2)
    for wrapped in (True, False):
        train(whole, batches, config, checkpoint=path, callbacks=[stop_after(2)])
        again = Trainer(wrap(fresh_model(seed=5, n_layer=2)) if wrapped else fresh_model(seed=5, n_layer=2), config)
        again.resume(path)
        assert torch.equal(weights_of(again.model), weights_of(whole))
        again.save(path)
        assert torch.equal(weights_of(load_checkpoint(path).model), weights_of(whole))


def test_a_run_in_parallel_is_saved_and_goes_on(tmp_path):
    path, config = tmp_path / "run.safetensors", TrainingConfig(steps=4, optimizer="muon")
    expected = train(torch.nn.DataParallel(fresh_model()), batches, config).losses
    # A wrapped model takes the plain loss. Muon rounds to bfloat16 where that's fast, and last digits grow.
    assert_close(expected, train(fresh_model(), batches, config).losses, atol=0, rtol=1e-4)
    train(torch.nn.DataParallel(fresh_model()), batches, config, checkpoint=path, callbacks=[stop_after(2)])
    assert train(torch.nn.DataParallel(fresh_model()), batches, config, checkpoint=path).losses == expected


@pytest.mark.parametrize("kind", ["loader", "list"])
def test_a_loader_is_taken_epoch_after_epoch_and_resumed(tmp_path, kind):
    def source():
        loader = make_loader(SlidingWindowDataset(list(range(37)), 8, 4), 2, seed=3)
        return loader if kind == "loader" else list(loader)

    path, config = tmp_path / "run.safetensors", TrainingConfig(steps=9)
    expected = train(fresh_model(), source(), config).losses
    by_hand = list(source())
    assert (
        expected[: len(by_hand)]
        == train(fresh_model(), lambda step: by_hand[step % len(by_hand)], config).losses[: len(by_hand)]
    )
    train(fresh_model(), source(), config, checkpoint=path, callbacks=[stop_after(5)])
    assert train(fresh_model(), source(), config, checkpoint=path).losses == expected


X, Y = batches(0)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ((X, Y), "batches is one batch; it takes a list of batches or a DataLoader, or a function of the step"),
        (iter([(X, Y)]), "batches is a list_iterator"),
        (SlidingWindowDataset(range(37), 8, 4), "batches is a SlidingWindowDataset"),
        (7, "batches is a int"),
        ([], "there are no batches"),
        (lambda step: X, "a batch is a Tensor; it takes a tuple of tensors"),
        (lambda step: {"inputs": X}, "a batch is a dict"),
        (lambda step: (X, Y.tolist()), r"a batch holds \(4, 8\) and a list"),
        (lambda step: (X, Y[:3]), r"a batch holds \(4, 8\) and \(3, 8\)"),
        (lambda step: (X, Y.sum()), r"a batch holds \(4, 8\) and \(\)"),
        (lambda step: (), "a batch holds nothing"),
    ],
)
def test_batches_of_another_form_are_told(data, told):
    with pytest.raises(ValueError, match=told):
        train(fresh_model(), data, TrainingConfig(steps=2))


@pytest.mark.parametrize(("data", "told"), [((X, Y), "validation is one batch"), (batches, "validation is a function")])
def test_validation_of_another_form_is_told_before_the_first_step(data, told):
    model = fresh_model()
    before = weights_of(model)
    with pytest.raises(ValueError, match=told):
        train(model, batches, TrainingConfig(steps=2, evaluate_every=2), data)
    assert torch.equal(weights_of(model), before)


def test_an_interrupt_ends_the_step_at_hand_and_leaves_everything_usable(tmp_path, capsys):
    def press_stop(now):
        if now.step == 3:
            signal.raise_signal(signal.SIGINT)

    model, path = fresh_model(), tmp_path / "run.safetensors"
    before = signal.getsignal(signal.SIGINT)  # in a background job it is ignored
    history = train(model, batches, TrainingConfig(steps=8), callbacks=[press_stop], checkpoint=path)
    assert len(history.losses) == 3
    assert "Stopped after step 3 of 8" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGINT) is before
    assert len(train(fresh_model(), batches, TrainingConfig(steps=8), checkpoint=path).losses) == 8


def test_an_interrupt_while_saving_at_the_end_loses_nothing(tmp_path, monkeypatch, capsys):
    save = Trainer.save

    def press_stop(self, *arguments):
        signal.raise_signal(signal.SIGINT)
        save(self, *arguments)

    monkeypatch.setattr(Trainer, "save", press_stop)
    path = tmp_path / "run.safetensors"
    assert len(train(fresh_model(), batches, TrainingConfig(steps=3), checkpoint=path).losses) == 3
    assert path.is_file()


@pytest.mark.parametrize("with_checkpoint", [True, False])
def test_a_loss_that_is_no_number_stops_before_it_reaches_the_weights(tmp_path, with_checkpoint):
    model = fresh_model()

    def poison(now):
        if now.step == 2:
            now.model.lm_head.weight.data[0, 0] = math.inf

    path = tmp_path / "run.safetensors" if with_checkpoint else None
    told = "the loss is nan at step 3 with a learning rate of 1.00e-03.*Lower the learning rate"
    with pytest.raises(FloatingPointError, match=told + (".*last good state is in" if with_checkpoint else "")):
        train(
            model,
            batches,
            TrainingConfig(steps=5, final_rate=1),
            callbacks=[poison],
            checkpoint=path,
            save_every=1 if path else 0,
        )
    assert weights_of(model).isfinite().sum() == weights_of(model).numel() - 1
    if path:  # the weights of step 2 were spoilt before they could be saved
        found = load_checkpoint(path)
        assert found.metadata["steps_done"] == 1
        assert weights_of(found.model).isfinite().all()


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_gradient_that_is_no_number_stops_before_it_reaches_the_weights(wrong):
    model = fresh_model()
    before = weights_of(model)
    model.lm_head.weight.register_hook(lambda gradient: gradient * wrong)
    with pytest.raises(FloatingPointError, match=r"gradient norm is (nan|inf) at step 1 with a learning rate"):
        train(model, batches, TrainingConfig(steps=3))
    assert torch.equal(weights_of(model), before)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_where_a_scaled_gradient_overflows_no_weight_moves_and_the_scale_falls(optimizer):
    model = fresh_model()
    before, scaled = weights_of(model), TrainingConfig(steps=3, dtype=torch.float16, optimizer=optimizer)
    trainer = Trainer(model, scaled)
    scale = trainer.scaler.get_scale()
    hook = model.blocks[0].mlp.up.weight.register_hook(lambda gradient: gradient * math.inf)
    trainer.step(*batches(0))
    assert torch.equal(weights_of(model), before)
    assert trainer.scaler.get_scale() < scale
    hook.remove()
    trainer.step(*batches(1))
    assert not torch.equal(weights_of(model), before)
    assert weights_of(model).isfinite().all()


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_float16_run_that_stops_goes_on_with_its_scale(tmp_path, optimizer):
    config, path = TrainingConfig(steps=6, dtype=torch.float16, optimizer=optimizer), tmp_path / "run.safetensors"

    def run(steps):
        trainer = Trainer(fresh_model(), config)
        hook = trainer.model.lm_head.weight.register_hook(lambda gradient: gradient * math.inf)
        trainer.step(*batches(0))  # it overflows, and the scale is halved
        hook.remove()
        for step in range(1, steps):
            trainer.step(*batches(step))
        return trainer

    whole, cut = run(6), run(3)
    assert cut.scaler.get_scale() == whole.scaler.get_scale() == 2.0**15
    cut.save(path)
    again = Trainer(fresh_model(seed=77), config)
    again.resume(path)
    assert again.scaler.get_scale() == 2.0**15
    for step in range(3, 6):
        again.step(*batches(step))
    assert again.history.losses == whole.history.losses
    assert torch.equal(weights_of(again.model), weights_of(whole.model))


def test_parts_of_a_float16_batch_are_scaled_alike():
    losses = [
        train(fresh_model(), batches, TrainingConfig(steps=4, dtype=torch.float16, accumulation=parts)).losses
        for parts in (1, 4)
    ]
    assert_close(losses[0], losses[1], atol=5e-3, rtol=0)


def test_gradients_too_small_for_float16_arrive_only_because_they_are_scaled():
    def faint(model, batch):  # float16 has nothing between 0 and 6e-8
        return next_token_loss(model, batch) * 1e-6

    moved = []
    for scale in (2.0**16, 1.0):
        model = fresh_model()
        before, trainer = weights_of(model), Trainer(model, TrainingConfig(steps=1, dtype=torch.float16), faint)
        trainer.scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        trainer.step(*batches(0))
        gradient = model.blocks[0].mlp.up.weight.grad
        moved.append((gradient != 0).float().mean().item())
        assert weights_of(model).isfinite().all()
        assert not torch.equal(weights_of(model), before)
    assert moved[0] > 0.9 > 0.5 > moved[1]


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_half_precision_learns_nearly_the_same(precision):
    config = {"steps": 15, "learning_rate": 1e-2}
    full = train(fresh_model(), lambda step: batches(0), TrainingConfig(**config)).losses
    half = train(fresh_model(), lambda step: batches(0), TrainingConfig(**config, dtype=precision)).losses
    assert half != full
    assert_close(half, full, atol=0.1, rtol=0)
    assert half[-1] < full[0] - 0.5


def test_evaluation_is_the_mean_over_tokens_and_changes_nothing():
    model = fresh_model(dropout=0.4).train()
    short = tuple(part[:1, :3] for part in batches(1))
    by_hand = [cross_entropy(model.eval()(i), t, "sum").item() for i, t in (batches(0), short)]
    model.train()
    assert_close(evaluate(model, [batches(0), short]), sum(by_hand) / (32 + 3), atol=1e-5, rtol=0)
    assert model.training
    assert all(w.grad is None for w in model.parameters())


def test_callbacks_hear_every_step_and_are_closed(capsys):
    heard, bar = [], ProgressBar()
    config = TrainingConfig(steps=4, evaluate_every=2)
    train(fresh_model(), batches, config, [batches(9)], [heard.append, bar])
    assert [now.step for now in heard] == [1, 2, 3, 4]
    assert [now.validation_loss is not None for now in heard] == [False, True, False, True]
    assert heard[0].learning_rate == config.learning_rate * schedule(0, config)
    assert all(now.tokens_per_second > 0 for now in heard)
    assert bar.bar.n == 4
    assert bar.bar.disable or "loss" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"steps": 1.5}, "steps is 1.5"),
        ({"learning_rate": 0}, "learning_rate is 0"),
        ({"clip": -1}, "clip is -1"),
        ({"warmup": 100}, "warmup is 100; it takes a fraction"),
        ({"accumulation": 0}, "accumulation is 0"),
        ({"warmup": 0.6, "stable": 0.5}, "warmup and stable are 1.1 together"),
        ({"optimizer": "sgd"}, "optimizer is 'sgd'; it takes one of adamw, muon"),
        ({"dtype": torch.int8}, "dtype is torch.int8"),
        ({"dtype": "bfloat16"}, "dtype is .bfloat16.; it takes torch.float32, torch.bfloat16 or"),
        ({"weight_decay": -0.1}, "weight_decay is -0.1"),
    ],
)
def test_settings_that_cannot_be_are_told(changes, told):
    with pytest.raises(ValueError, match=told):
        TrainingConfig(**({"steps": 5} | changes))


@pytest.mark.parametrize("arguments", [{"save_every": 5}, {"save_every": -1, "checkpoint": "run.safetensors"}])
def test_saving_that_cannot_be_is_told(arguments):
    with pytest.raises(ValueError, match="it takes 0 or more steps, and a file to save in"):
        train(fresh_model(), batches, TrainingConfig(steps=2), **arguments)


@pytest.mark.parametrize("wrong", [-1, 37])
def test_a_target_outside_the_vocabulary_is_told(wrong):
    with pytest.raises(ValueError, match=f"target {wrong} is outside the vocabulary of 37"):
        cross_entropy(torch.zeros(1, 3, 37), torch.tensor([[1, wrong, -100]]))


def test_a_batch_that_cannot_be_evaluated_leaves_the_model_in_training():
    model = fresh_model().train()
    with pytest.raises(ValueError, match="token id 99"):
        evaluate(model, [(torch.tensor([[99]]), torch.tensor([[1]]))])
    assert model.training


class Stream(torch.utils.data.IterableDataset):
    """Texts without an end that anybody knows: no length."""

    def __iter__(self):
        return zip(X, Y, strict=True)


def test_validation_data_without_a_length_are_taken_too():
    loader = torch.utils.data.DataLoader(Stream(), batch_size=2)
    found = train(fresh_model(), batches, TrainingConfig(steps=2, evaluate_every=1), loader).validation
    assert found == train(fresh_model(), batches, TrainingConfig(steps=2, evaluate_every=1), [*loader]).validation


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        (lambda model, batch: cross_entropy(model(batch[0]), batch[1], "none"), r"of shape \(32,\); it takes a tensor"),
        (lambda model, batch: next_token_loss(model, batch).item(), "a float; it takes a tensor with one number"),
        (lambda model, batch: (next_token_loss(model, batch), 3), "a tuple; it takes"),
        (lambda model, batch: next_token_loss(model, batch).detach(), "doesn't depend on a weight that learns"),
    ],
)
def test_a_loss_of_ones_own_that_cannot_be_learned_from_is_told(loss, told):
    model = fresh_model()
    before = weights_of(model)
    with pytest.raises(ValueError, match=f"the loss (is )?{told}"):
        train(model, batches, TrainingConfig(steps=2), loss=loss)
    assert torch.equal(weights_of(model), before)


def test_a_model_without_a_weight_that_learns_is_told():
    with pytest.raises(ValueError, match="are all weights frozen"):
        train(fresh_model().requires_grad_(False), batches, TrainingConfig(steps=2))


def test_batches_that_need_another_loss_are_told():
    with pytest.raises(ValueError, match=r"a batch holds 3 tensors; .* give others their loss"):
        train(fresh_model(), lambda step: (X, Y, Y), TrainingConfig(steps=2))


def test_nothing_to_evaluate_is_told():
    with pytest.raises(ValueError, match="nothing to evaluate"):
        evaluate(fresh_model(), [])


def test_a_batch_without_any_target_is_told_and_moves_nothing():
    trainer = Trainer(fresh_model(), TrainingConfig(steps=3, weight_decay=0.5))
    before = weights_of(trainer.model)
    inputs = some_ids(2, 8)
    with pytest.raises(ValueError, match="the batch of step 1 has no target to learn from"):
        trainer.step(inputs, torch.full_like(inputs, -100))
    assert torch.equal(weights_of(trainer.model), before)
    assert trainer.history.losses == []


def base_model(path, seed):
    """A model that was loaded, as a base that is to be fine-tuned is."""
    save_checkpoint(path, fresh_model(seed))
    return load_checkpoint(path).model


def test_fine_tuning_another_base_is_another_run(tmp_path):
    path, config = tmp_path / "run.safetensors", TrainingConfig(steps=2)
    train(base_model(tmp_path / "one.safetensors", 1), batches, config, checkpoint=path)
    before = path.read_bytes()
    for other in (base_model(tmp_path / "two.safetensors", 2), fresh_model()):
        with pytest.raises(ValueError, match=r"from another run: base is a loaded model, fingerprint \w{8}, there and"):
            train(other, batches, config, checkpoint=path)
    assert path.read_bytes() == before
    # The same base goes on, and so does the model of the file itself, twice in a row.
    again = base_model(tmp_path / "one.safetensors", 1)
    train(again, batches, config, checkpoint=path)
    assert_close(weights_of(again), weights_of(load_checkpoint(path).model), atol=0, rtol=0)
    own = load_checkpoint(path).model
    for steps in (3, 4):
        train(own, batches, TrainingConfig(steps=steps), checkpoint=path, extend=True)
    train(base_model(tmp_path / "one.safetensors", 1), batches, TrainingConfig(steps=4), checkpoint=path)


def test_a_fresh_model_goes_on_with_a_run_that_began_with_another_fresh_one(tmp_path):
    path = tmp_path / "run.safetensors"
    train(fresh_model(1), batches, TrainingConfig(steps=2), checkpoint=path)
    again = fresh_model(2)
    train(again, batches, TrainingConfig(steps=2), checkpoint=path)
    assert_close(weights_of(again), weights_of(load_checkpoint(path).model), atol=0, rtol=0)
