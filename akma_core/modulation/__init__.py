"""Modulation: features of the song drive targets of the picture, one row each: feature -> shape -> target."""
