"""An opioid meets an antagonist that came first."""
