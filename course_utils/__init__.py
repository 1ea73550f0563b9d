"""The helper package of Text to Transformer: the finished, tested form of what the notebooks build."""

import os

# PyTorch's threads wait for each other some hundred times in a training step. By default GNU OpenMP lets them spin for
# long, which costs the very core that the others need: on a busy machine a step then takes several times as long
# (`bench busy`). It's read when torch is loaded, and kernels inherit it. Other systems don't know it.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
