"""The measurements behind the course, and the making of its shipped files, by name: `bench NAME` and `rebuild NAME`.

One table, which `python -m course_utils` reads before anything is installed: standard library only.
"""

# name: (module:function, what it does). Each takes its arguments as strings; most need none. They fail by raising.
HERE = "course_utils.experiments."
BENCHES = {
    "answers": (HERE + "chat_model:bench_answers", "what the shipped chat model knows about tales it never read"),
    "ablation": (HERE + "ablation:ablation", "the recipe with each ingredient changed, written to data/ablation.json"),
    "bpe": (HERE + "bpe_speed:bpe", "training and encoding beside Hugging Face tokenizers and tiktoken"),
    "busy": (HERE + "busy:busy", "a training step beside busy loops, by how its threads wait for each other"),
    "encoding": (HERE + "encoding_speed:encoding", "GPT-2's encoder beside tiktoken on texts of one kind, and streams"),
    "export": (HERE + "runtimes:export", "exported models in every runtime that is installed, beside our own"),
    "finetuning": (HERE + "finetuning_table:finetuning", "fine-tuning with one thing changed, to data/finetuning.json"),
    "generation": (HERE + "generation_speed:generation", "cached generation beside Hugging Face's, same weights"),
    "gpu": (HERE + "gpu:gpu", "notebooks, CUDA's tests, training and generation on a GPU: one table in some minutes"),
    "kill": (HERE + "kill:kill", "a training run killed at many moments, and what its checkpoint then holds"),
    "gpu_sizes": (HERE + "gpu_sizes:gpu_sizes", "how long the gpu preset takes on a T4 and an A100, by arithmetic"),
    "ladder": (HERE + "ladder:ladder", "small models with ever more parts, or one part changed, to data/ladder.json"),
    "lengths": (HERE + "lengths:lengths", "position schemes on texts longer than trained on, to data/lengths.json"),
    "minutes": (HERE + "ablation:minutes", "what the recipe reaches in one and in three minutes of training"),
    "modern": (
        HERE + "modern:modern",
        "GPT-2's block with each change since, alone and together, to data/modern.json",
    ),
    "notebooks": (HERE + "notebooks_run:notebooks", "each notebook as on an ordinary laptop: time, memory, assertions"),
    "older": (HERE + "older:older", "the tests of the model with the oldest supported packages"),
    "phrases": (
        HERE + "phrases:phrases",
        "the recipe and tokens longer than a word, for as long, to data/phrases.json",
    ),
    "questions": (HERE + "questions:questions", "whether a model of this size can learn to answer about tales"),
    "recipe": (HERE + "shakespeare:shakespeare", "the recipe beside the usual one on tiny Shakespeare"),
    "speedrun": (HERE + "speedrun:speedrun", "records in speed beside nanoGPT's recipe, to data/speedrun.json"),
    "strategies": (HERE + "strategies:strategies", "quality against diversity by sampler, to data/strategies.json"),
    "short": (HERE + "ablation:short", "the same ingredients in 150 small steps, to data/ablation_short.json"),
    "tales": (HERE + "base_model:bench_tales", "how many tales of the shipped base model are free of mistakes"),
    "training": (HERE + "training_speed:training", "a training step beside one of a plain loop in PyTorch"),
}
REBUILDS = {
    "base": (HERE + "base_model:make_base", "train the base model and write it with its card"),
    "chat": (HERE + "chat_model:make_chat", "fine-tune the base model to chat, and write it with its card"),
    "clara": (HERE + "clara:make_clara", "train an adapter for the chat model to be Clara, and write its card"),
    "exports": (HERE + "chat_exports:write_exports", "write the shipped chat, data/chat/, as three apps export it"),
    "tales": ("course_utils.tales:write_corpus", "write data/tales.txt"),
}
