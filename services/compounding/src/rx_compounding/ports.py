"""What the handlers need from the outside: nothing. Planning is arithmetic on what is asked."""
