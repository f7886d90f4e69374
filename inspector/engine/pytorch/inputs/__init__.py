"""Works out the input that a model takes.

Guesses come from what the model declares, from its source and from its signature; a pass that fails says what the
failing call would have taken, and the guess is repaired by that until the model runs. Nothing is believed that a pass
does not bear out.
"""
