"""An antagonist meets an opioid that came first."""
