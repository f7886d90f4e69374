"""Tables and JSON for the command line."""
