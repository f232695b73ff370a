"""Aftershock: which errors became more frequent, since when, and what followed from what."""
