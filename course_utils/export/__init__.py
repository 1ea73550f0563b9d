"""The model leaves the house: one command writes the folder that other runtimes load."""
