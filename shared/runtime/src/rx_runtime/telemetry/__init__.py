"""What a service reports of itself: metrics and logs."""
