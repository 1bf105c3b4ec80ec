"""From facts to exposure periods: the chart of one patient and the context that the rules read."""
