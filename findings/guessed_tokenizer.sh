#!/usr/bin/env bash
# A folder with a model's config.json and a tokenizer.json, read by AutoTokenizer of transformers.
# The file says everything: vocabulary, merges, that nothing is normalised. One would expect its ids, as `tokenizers` gives
# them. For model_type gpt_neox another normaliser comes in, so the same text has other ids, and tokens are added beyond the
# vocabulary, for which the model has no row.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

echo "transformers 5.24.0 and tokenizers 0.23.3, from PyPI. Seen on 27 November 2026 by running this script."
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.24.0 tokenizers==0.23.3

cat > "$folder/guess.py" <<'PY'
import json
import pathlib
import sys

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer

letters = pre_tokenizers.ByteLevel.alphabet()
tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(sorted(letters))}, merges=[]))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
text = "cafe\u0301"  # an e, and an accent that combines with it
wanted = tokenizer.encode(text).ids


def read(kind, **about):
    """What AutoTokenizer makes of the folder of a model of this kind, with or without a tokenizer_config.json."""
    folder = pathlib.Path(sys.argv[1]) / f"{kind}{len(about)}"
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"model_type": kind, "vocab_size": 256}))
    if about:
        (folder / "tokenizer_config.json").write_text(json.dumps(about))
    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


for kind in ("gpt2", "gpt_neox"):
    guessed, told = read(kind), read(kind, tokenizer_class="PreTrainedTokenizerFast")
    ids = [found(text)["input_ids"] for found in (guessed, told)]
    print(f"{kind}: {type(guessed).__name__}, {len(guessed)} tokens for 256 rows, same ids: {ids[0] == wanted}; "
          f"with a class in tokenizer_config.json: {len(told)} tokens, same ids: {ids[1] == wanted}")
    assert len(told) == 256 and ids[1] == wanted, "changed: a named class no longer takes the file as it is"
    assert len(guessed) > 256, "changed: nothing is added beyond the vocabulary"
    assert (ids[0] == wanted) == (kind == "gpt2"), "changed: which of the two normalises the text"
PY
"$folder/venv/bin/python" "$folder/guess.py" "$folder"
echo "So a tokenizer.json isn't enough: tokenizer_config.json has to name PreTrainedTokenizerFast."
