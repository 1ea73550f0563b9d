"""How an answer is run, compared and told what is wrong with it; the exercises themselves are one folder up."""
