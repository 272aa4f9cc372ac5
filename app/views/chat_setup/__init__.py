"""How the next replies are made: the parts of the right panel that belong to the open chat."""
