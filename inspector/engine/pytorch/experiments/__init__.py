"""What a live module is put through to find out what is wrong with it: one module a question, each with its record."""
