"""The one table of the course: notebooks in reading order, their places on the map, what each builds and borrows.

README's table, the map, `sync` and the tests read it; nothing of it is written down elsewhere. Standard library only.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Notebook:
    """One notebook. `stem` is its file's name; `does` is its line in README, empty while there is no such file.

    `builds` are modules of the package, or single names of one (`"text.split_words"`), that this notebook introduces.
    `borrows` are names that it uses before the notebook that builds them. `station` is its place on the road, `step`
    its place among the four steps from text to vectors.
    """

    stem: str
    title: str
    station: tuple[str, ...]
    step: tuple[str, ...] = ()
    does: str = ""
    builds: tuple[str, ...] = ()
    borrows: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """The number that its file's name begins with, or an appendix's letter.

        >>> find("gpt").number
        '10'
        """
        return self.stem.split("_")[0]


# The road from a text file to a chat model, and the four steps that turn text into vectors.
STATIONS = ("start", "extract", "combine", "BPE", "encode", "model")
STATIONS += ("split and train", "base model", "fine-tuning data", "fine-tune", "chat model")
STEPS = ("split text", "token ids", "windows", "embedding vectors")

NOTEBOOKS = (
    Notebook(
        "00_start_here",
        "start here",
        ("start",),
        does="run the whole machine once: text, tokens, windows, a GPT, training, new text",
        borrows=(
            *("BASE", "BPETokenizer", "FreshTales", "Sampler", "SlidingWindowDataset", "count_parameters"),
            *("cross_entropy", "generate_text", "load_checkpoint", "recipe", "score", "small_gpt", "tell_tales"),
            *("train", "train_bpe"),
        ),
    ),
    Notebook(
        "01_tokenization",
        "tokenization",
        ("extract", "combine"),
        ("split text", "token ids"),
        does="split text, build a vocabulary, meet unknown words and special tokens, measure what each way of cutting "
        "costs",
        builds=("common.require", "text.split_words", "tokenizers"),
        borrows=("BPETokenizer", "gpt2_encoding", "gpt2_tokenizer", "train_bpe"),
    ),
    Notebook(
        "02_byte_pair_encoding",
        "byte pair encoding",
        ("BPE", "encode"),
        ("token ids",),
        does="merge by hand, train slowly and fast, encode and decode, and match GPT-2's tokenizer id for id",
        builds=("bpe",),
    ),
    Notebook(
        "03_sliding_window_sampling",
        "sliding windows",
        ("split and train",),
        ("windows",),
        does="cut a text into questions with known answers, choose length, stride and batch size, split without a leak",
        builds=("windows",),
    ),
    Notebook(
        "04_embeddings",
        "embeddings",
        ("model",),
        ("embedding vectors",),
        does="look up and prove what a lookup is, train word vectors, measure their neighbours, search a thousand "
        "texts for an answer",
        builds=("embeddings",),
    ),
    Notebook(
        "05_positional_encoding",
        "positional encoding",
        ("model",),
        ("embedding vectors",),
        does="build five schemes, prove what each depends on, and measure which of them reads texts longer than it was "
        "trained on",
        builds=("positions",),
        borrows=("tales_tokenizer",),
    ),
    Notebook(
        "06_simplified_self_attention",
        "simplified self-attention",
        ("model",),
        does="scores, weights, weighted sum, by hand and as matrix products; a softmax that does not break",
        builds=("attention.SimplifiedSelfAttention", "attention.example", "attention.check_vectors"),
        borrows=("BASE", "load_checkpoint"),
    ),
    Notebook(
        "07_self_attention",
        "self-attention",
        ("model",),
        does="queries, keys and values; measure why scores are scaled; watch a layer learn to look",
        builds=("attention.SelfAttention",),
    ),
    Notebook(
        "08_causal_attention",
        "causal attention",
        ("model",),
        does="close the future, break it in three ways and catch each, dropout, buffers",
        builds=("attention.CausalAttention",),
    ),
    Notebook(
        "09_multi_head_attention",
        "multi-head attention",
        ("model",),
        does="a stack of heads, then one projection, equal to PyTorch's; from an empty cell; what the heads of a "
        "trained model look at",
        builds=("attention",),
        borrows=("Attention", "BASE", "GPTConfig", "load_checkpoint"),
    ),
    Notebook("10_transformer", "the transformer", ("model",), builds=("gpt",)),
    Notebook(
        "11_pretraining",
        "pretraining",
        ("split and train", "base model"),
        builds=("optimizers", "training", "recipe", "evaluation", "checkpoints", "pretrained"),
    ),
    Notebook("12_text_generation", "generation", ("base model",), builds=("generation",)),
    Notebook("13_chat_data", "chat data", ("fine-tuning data",), builds=("chat",)),
    Notebook("14_finetuning", "fine-tuning", ("fine-tune",), builds=("finetuning",)),
    Notebook("15_lora", "LoRA", ("fine-tune", "chat model"), builds=("lora",)),
    Notebook(
        "A_tensors_and_gradients",
        "tensors and gradients",
        ("start",),
        does="a refresher: shapes, matrix product, softmax, cross-entropy, one step of training",
    ),
)
NUMBERS = tuple(notebook.number for notebook in NOTEBOOKS)
# In which notebook a name of the package is built: a whole module, or one name of it. What is not listed,
# such as `plots`, is a tool that no notebook builds, and any may use.
BUILT_IN = {built: notebook.number for notebook in NOTEBOOKS for built in notebook.builds}


def built_in(module: str, name: str) -> str:
    """Return the number of the notebook that builds a name of the package; "00" if any may use it.

    >>> built_in("gpt", "GPT"), built_in("training", "train"), built_in("plots", "show")
    ('10', '11', '00')
    """
    return BUILT_IN.get(f"{module}.{name}", BUILT_IN.get(module, "00"))


def find(key: str) -> Notebook:
    """Return a notebook by its number, or the one that builds a module; a key of neither kind is a ValueError.

    >>> find("03").title, find("training").number
    ('sliding windows', '11')
    """
    number = BUILT_IN.get(key, key)
    for notebook in NOTEBOOKS:
        if notebook.number == number:
            return notebook
    raise ValueError(f"there is no notebook {key!r}; there are {', '.join(NUMBERS)}")


def at(station: str) -> tuple[str, ...]:
    """Return the numbers of the notebooks at one station of the road, or at one of the four steps.

    >>> at("token ids"), at("BPE")
    (('01', '02'), ('02',))
    """
    return tuple(notebook.number for notebook in NOTEBOOKS if station in notebook.station + notebook.step)
