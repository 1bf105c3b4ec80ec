"""What people see: reports for a terminal, within 80 columns."""
