"""One file a command; alone reads argv and environment, alone exits."""
