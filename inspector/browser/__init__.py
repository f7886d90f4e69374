"""The interface in a web browser: a guarded web server around textual-serve, and a process for each tab."""
