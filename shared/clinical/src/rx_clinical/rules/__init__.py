"""One file a rule, headed When / Then / Source."""
