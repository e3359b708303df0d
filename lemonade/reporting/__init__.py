"""A run folder as text and pictures for a person. Reads runs, changes nothing, never needs torch."""
