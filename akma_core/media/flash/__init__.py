"""Photosensitivity: whether a video flashes more than the guidelines allow, and the limits that keep it from that."""
