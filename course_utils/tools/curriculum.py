"""The one table of the course: notebooks in reading order, their places on the map, what each builds and borrows.

README's table, the map, `sync` and the tests read it; nothing of it is written down elsewhere. Standard library only.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Notebook:
    """One notebook of the course, or an appendix, whose name begins with a letter.

    `stem` is its file's name, `title` what its heading says. `station` is its place on the road, `step` its place
    among the four steps from text to vectors. `does` is its line in README, empty while there's no such file.

    `builds` are modules of the package, or single names of one (`"text.split_words"`), that this notebook introduces.
    `borrows` are names that it uses before the notebook that builds them (`"gpt.GPTConfig"`).
    `after` is for an appendix: the notebook to have read before it.
    """

    stem: str
    title: str
    station: tuple[str, ...]
    step: tuple[str, ...] = ()
    does: str = ""
    builds: tuple[str, ...] = ()
    borrows: tuple[str, ...] = ()
    after: str = ""

    @property
    def number(self) -> str:
        """The number that its file's name begins with, or an appendix's letter.

        >>> find("10_transformer").number
        '10'
        """
        return self.stem.split("_")[0]

    @property
    def label(self) -> str:
        """What links and tables call it.

        >>> find("03").label
        '03 · Sliding window sampling'
        """
        return f"{self.number} · {self.title}"


# The road from a text file to a chat model, the four steps that turn text into vectors, and the four mechanisms of
# attention, each of which adds one thing to the one before.
STATIONS = ("start", "extract", "combine", "BPE", "encode", "embed", "attention", "model")
STATIONS += ("split and train", "base model", "fine-tuning data", "fine-tune", "chat model")
STEPS = ("split text", "token ids", "windows", "embedding vectors")
LADDER = {"06": "simplified", "07": "self", "08": "causal", "09": "multi-head"}

NOTEBOOKS = (
    Notebook(
        "00_start_here",
        "Start here",
        ("start",),
        does="run the whole machine once: text, tokens, windows, a GPT, training, new text",
        borrows=(
            *("bpe.BPETokenizer", "bpe.train_bpe", "windows.SlidingWindowDataset", "gpt.count_parameters"),
            *("recipe.FreshTales", "recipe.recipe", "recipe.small_gpt", "training.cross_entropy", "training.train"),
            *("evaluation.score", "evaluation.tell_tales", "checkpoints.BASE", "checkpoints.load_checkpoint"),
            *("generation.Sampler", "generation.generate_text"),
        ),
    ),
    Notebook(
        "01_tokenization",
        "Tokenization",
        ("extract", "combine"),
        ("split text", "token ids"),
        does="split text, build a vocabulary, meet unknown words and special tokens, measure what each way of cutting "
        "costs",
        builds=("common.require", "text.split_words", "tokenizers"),
        borrows=("bpe.BPETokenizer", "bpe.gpt2_encoding", "bpe.gpt2_tokenizer", "bpe.train_bpe"),
    ),
    Notebook(
        "02_byte_pair_encoding",
        "Byte pair encoding",
        ("BPE", "encode"),
        ("token ids",),
        does="merge by hand, train slowly and fast, encode and decode, and match GPT-2's tokenizer id for id",
        builds=("bpe",),
    ),
    Notebook(
        "03_sliding_window_sampling",
        "Sliding window sampling",
        ("split and train",),
        ("windows",),
        does="cut a text into questions with known answers, choose length, stride and batch size, split without a leak",
        builds=("windows",),
    ),
    Notebook(
        "04_embeddings",
        "Embeddings",
        ("embed",),
        ("embedding vectors",),
        does="look up and prove what a lookup is, train word vectors, measure their neighbours, open GPT's own table",
        builds=("embeddings",),
        borrows=("checkpoints.BASE", "checkpoints.load_checkpoint"),
    ),
    Notebook(
        "05_positional_encoding",
        "Positional encoding",
        ("embed",),
        ("embedding vectors",),
        does="see why order is lost, add a table of positions, write sines and cosines as the hands of a clock, and see"
        " what distances would keep",
        builds=("positions.LearnedPositions", "positions.sinusoidal_table"),
    ),
    Notebook(
        "06_simplified_self_attention",
        "Simplified self-attention",
        ("attention",),
        does="compute scores, weights and the weighted sum, by hand and as matrix products, and write a softmax that "
        "doesn't break",
        builds=("attention.SimplifiedSelfAttention", "attention.example", "attention.check_vectors"),
        borrows=("checkpoints.BASE", "checkpoints.load_checkpoint"),
    ),
    Notebook(
        "07_self_attention",
        "Self-attention",
        ("attention",),
        does="build queries, keys and values, measure why scores are scaled, and watch a layer learn where to look",
        builds=("attention.SelfAttention",),
    ),
    Notebook(
        "08_causal_attention",
        "Causal attention",
        ("attention",),
        does="mask the future, break the mask in three ways and catch each, add dropout",
        builds=("attention.CausalAttention",),
    ),
    Notebook(
        "09_multi_head_attention",
        "Multi-head attention",
        ("attention",),
        does="stack heads, pack them into one projection, match PyTorch's, write it from an empty cell, and switch "
        "heads of a trained model off",
        builds=("attention",),
        borrows=("gpt.Attention", "gpt.GPTConfig", "checkpoints.BASE", "checkpoints.load_checkpoint"),
    ),
    Notebook(
        "10_transformer",
        "The transformer",
        ("model",),
        does="climb from a unigram model to a whole GPT, write it on one screen, count it, match Hugging Face's, and "
        "switch off parts of a trained one",
        builds=("gpt",),
        borrows=(
            *("checkpoints.BASE", "checkpoints.load_checkpoint", "evaluation.score", "evaluation.tell_tales"),
            *("generation.Sampler", "gpt.KVCache", "pretrained.gpt_to_huggingface"),
            *("positions.rotary_table", "positions.rotate"),
        ),
    ),
    Notebook(
        "11_pretraining",
        "Pretraining",
        ("split and train", "base model"),
        does="predict the loss before the first step, learn one batch by heart, write AdamW, the schedule and a step, "
        "open Muon, train a model that tells tales, and see where the last tenth of a nat is",
        builds=("optimizers", "lean_loss", "training", "recipe", "evaluation", "checkpoints", "pretrained"),
        borrows=("generation.Sampler", "generation.generate_text"),
    ),
    Notebook(
        "12_text_generation",
        "Text generation",
        ("base model",),
        does="build every way to choose the next token, measure quality and diversity, pad a batch, build a cache that "
        "changes nothing, stream text, and try beam search",
        builds=("generation", "gpt.KVCache"),
    ),
    Notebook(
        "13_chat_data",
        "Chat data",
        ("fine-tuning data",),
        does="read a chat as phones export it, take the people out, cut it into conversations, and turn them into "
        "tokens and a loss mask, equal to Hugging Face's",
        builds=("chat", "template"),
        borrows=("finetuning.Conversations",),
    ),
    Notebook(
        "14_finetuning",
        "Fine-tuning",
        ("fine-tune",),
        does="teach the base model to answer in three minutes, mark every answer, say how sure you are of the marks, "
        "and see what it forgot; then talk to it",
        builds=("finetuning", "answers", "attention_supervision"),
    ),
    Notebook(
        "15_lora",
        "LoRA",
        ("fine-tune", "chat model"),
        does="measure how narrow the change of fine-tuning is, train only that much, merge it, save it, swap two "
        "characters in a running model, match peft's, and take it to GPT-2 with a chat of your own",
        builds=("lora", "finetuning.Conversations"),
    ),
    Notebook(
        "16_encoder_decoder",
        "Encoder and decoder",
        ("model",),
        does="build the half that a GPT leaves out, match PyTorch's whole transformer, teach it Spanish in two minutes,"
        " sort its mistakes by kind, see what it attends to, and catch BLEU misleading",
        builds=("encoder_decoder", "translation"),
    ),
    Notebook(
        "17_modern_block",
        "The modern block",
        ("model",),
        does="change nine lines of GPT-2's configuration one by one, see what breaks without each, match Llama and "
        "Qwen3, read from a table with five seeds which of them mattered, then race against nanoGPT's recipe",
        builds=("llama",),
        borrows=("positions.distances", "positions.rotary_table", "positions.rotate"),
    ),
    Notebook(
        "18_many_devices",
        "Many devices",
        ("split and train",),
        does="let several processes train one model with the very losses of one: a ring that adds up, copies (DDP), "
        "slices (FSDP), and a run that goes on with another number of processes",
        builds=("distributed",),
    ),
    Notebook(
        "A_tensors_and_gradients",
        "Tensors and gradients",
        ("start",),
        does="refresh shapes, masks, matrix products, softmax, cross-entropy, a step of training, and modules",
        after="00",
    ),
    Notebook(
        "B_relative_positions",
        "Relative positions",
        ("embed",),
        does="build ALiBi and RoPE, prove what each depends on, and measure which of six schemes "
        "reads texts longer than it was trained on",
        builds=("positions",),
        borrows=("recipe.tales_tokenizer",),
        after="09",
    ),
    Notebook(
        "C_search",
        "Search",
        ("embed",),
        does="find one tale in a thousand: count words, weigh them, build BM25, try vectors, measure each, and let a "
        "chat model read what was found",
        borrows=("checkpoints.CHAT", "checkpoints.load_checkpoint", "finetuning.replies"),
        after="04",
    ),
    Notebook(
        "D_attention_in_practice",
        "Attention in practice",
        ("attention",),
        does="put two texts of unequal length in one batch, mask a row that may attend to nothing, measure what a long "
        "text costs, and write a softmax that never sees its whole row",
        after="09",
    ),
)
NUMBERS = tuple(notebook.number for notebook in NOTEBOOKS)

# Each function takes another table too, so that a test can make up a course of its own.
Table = tuple[Notebook, ...]


def built_in(name: str, notebooks: Table = NOTEBOOKS) -> str:
    """Return the number of the notebook that builds a name of the package, or "" for a tool that none builds.

    >>> built_in("gpt.GPT"), built_in("text.split_words"), built_in("text.load_text"), built_in("plots.show")
    ('10', '01', '', '')
    """
    places = {built: notebook.number for notebook in notebooks for built in notebook.builds}
    return places.get(name, places.get(name.rpartition(".")[0], ""))


def is_early(name: str, own: str, notebooks: Table = NOTEBOOKS) -> bool:
    """Tell whether notebook `own` uses a name before the notebook that builds it.

    An appendix knows what the notebook before it knows. Nobody has to read one, so its names always count as early.

    >>> is_early("gpt.GPT", "09"), is_early("gpt.GPT", "10"), is_early("gpt.GPT", "11"), is_early("gpt.GPT", "A")
    (True, False, False, True)
    """
    numbers, lender = [notebook.number for notebook in notebooks], built_in(name, notebooks)
    known = find(own, notebooks).after or own
    return lender not in ("", own) and numbers.index(lender) > numbers.index(known)


def find(key: str | int, notebooks: Table = NOTEBOOKS) -> Notebook:
    """Return a notebook by its number or its file's name; any other key is a ValueError that lists those there are.

    >>> find(3).title, find("A").title, find("03_sliding_window_sampling.ipynb").number
    ('Sliding window sampling', 'Tensors and gradients', '03')
    """
    for notebook in notebooks:
        number = notebook.number
        if str(key) in (number, number.removeprefix("0"), notebook.stem, f"{notebook.stem}.ipynb"):
            return notebook
    raise ValueError(f"there is no notebook {key!r}; there are {', '.join(one.label for one in notebooks)}")


def at(place: str, notebooks: Table = NOTEBOOKS) -> tuple[str, ...]:
    """Return the numbers of the notebooks at one station of the road, or at one of the four steps.

    >>> at("token ids"), at("BPE")
    (('01', '02'), ('02',))
    """
    return tuple(notebook.number for notebook in notebooks if place in notebook.station + notebook.step)
