"""PyTorch models: opening, passes, receptive fields, names, edits and files of weights."""
