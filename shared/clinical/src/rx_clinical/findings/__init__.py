"""From a rule's decision to a finding: wording, reason codes, explanation and report."""
