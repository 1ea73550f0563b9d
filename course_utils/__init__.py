"""The helper package of Text to Transformer: the finished, tested form of what the notebooks build."""
