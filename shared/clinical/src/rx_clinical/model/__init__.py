"""Facts, findings and washout arithmetic: the input and the output of the core. Imports no other room."""
