"""Modulation: features of the song drive targets of the picture, one row of a matrix each (feature -> shape -> target)."""
