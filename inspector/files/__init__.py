"""What a file says about itself, without running or loading it: one module a format, torch-free."""
