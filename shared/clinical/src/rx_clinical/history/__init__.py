"""From facts to exposure periods: the chart of one history and the context that the rules read."""
