"""How fast: rates of the world and of the learner, each beside something known, in one run."""
