"""Stepping through a module's forward."""
