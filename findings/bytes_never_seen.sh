#!/usr/bin/env bash
# A byte-level BPE vocabulary, trained by Hugging Face's tokenizers on a small English text. One would expect that it can
# write any text, since any text is made of the 256 bytes. The bytes that the training text didn't have get no id: they
# vanish when a text is encoded, what stood left and right of them is merged, and nothing says so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

echo "tokenizers 0.23.3, from PyPI. Seen on 28 November 2026 by running this script; the option that prevents it stands in"
echo "the documentation of BpeTrainer (initial_alphabet), without what happens if it's left out."
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tokenizers==0.23.3

cat > "$folder/unseen.py" <<'PY'
from tokenizers import ByteLevelBPETokenizer, Tokenizer, decoders, models, pre_tokenizers, trainers

text = ["seven cooks took a cab to the lake and cooked a pike by the water"] * 50
END = "<|endoftext|>"


def trained(unknown=None, **options):
    """A byte-level BPE vocabulary as tutorials make it; `options` go to the trainer, `unknown` names a token."""
    tokenizer = Tokenizer(models.BPE(unk_token=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = [END, unknown] if unknown else [END]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, show_progress=False, **options)
    tokenizer.train_from_iterator(text, trainer)
    return tokenizer


ready_made = ByteLevelBPETokenizer()
ready_made.train_from_iterator(text, vocab_size=400, special_tokens=[END], show_progress=False)
makers = {
    "BpeTrainer as it comes": trained(),
    "with a token for what's unknown": trained(unknown="<unk>"),
    "with initial_alphabet": trained(initial_alphabet=pre_tokenizers.ByteLevel.alphabet()),
    "ByteLevelBPETokenizer": ready_made,
}
back = {}
for name, tokenizer in makers.items():
    for given in ("seven cooks took 12 euros", "a czab"):
        encoded = tokenizer.encode(given)
        back[name, given] = tokenizer.decode(encoded.ids, skip_special_tokens=False)
        print(f"{name:32} {given!r} -> {len(encoded.ids)} ids -> {back[name, given]!r}")
cab = makers["BpeTrainer as it comes"]
print("ids of 'a czab' and of 'a cab':", cab.encode("a czab").ids, cab.encode("a cab").ids)

lost = {given: found for (name, given), found in back.items() if name == "BpeTrainer as it comes"}
assert lost == {"seven cooks took 12 euros": "seven cooks took  eros", "a czab": "a cab"}, f"changed: {lost}"
assert cab.encode("a czab").ids == cab.encode("a cab").ids, "changed: the gap keeps its neighbours apart"
assert "<unk>" in back["with a token for what's unknown", "a czab"], "changed: no unknown token in its place"
for name in ("with initial_alphabet", "ByteLevelBPETokenizer"):
    assert all(found == given for (who, given), found in back.items() if who == name), f"changed: {name} loses text"
PY
"$folder/venv/bin/python" "$folder/unseen.py"
echo "So decode(encode(text)) is another text, and a model trained on such ids never knows what is missing."
