"""The helper package of Text to Transformer: the finished, tested form of what the notebooks build."""

import os

# PyTorch's threads wait for each other some hundred times in a training step. Left alone, GNU OpenMP lets them spin for
# long, on the very core that the others need: on a busy machine a step then takes several times as long (`bench busy`).
# It's read when torch is loaded, so notebooks import the course first; what is started from here inherits it.
SPINS = "1000"
os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
