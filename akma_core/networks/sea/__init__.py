"""A procedural network of the sea: w says which sea, time moves its waves, and nothing was trained."""
