"""The values of tensors in files: read by mapping what is looked at, without torch; the one part that needs numpy."""
