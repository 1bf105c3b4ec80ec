"""From decisions to findings: reason codes, texts, arithmetic and explanation."""
