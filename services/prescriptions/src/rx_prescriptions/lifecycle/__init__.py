"""Background work of the service: the inbound worker, and the gauge of uncoded products."""
