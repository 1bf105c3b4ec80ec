"""What goes into the core and what comes out: facts, findings, reasons, washout arithmetic. Imports no other room."""
