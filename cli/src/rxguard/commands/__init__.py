"""The commands as a person types them; each imports what it runs when it runs."""
