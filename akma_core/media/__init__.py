"""Sound and pictures as files: reading, writing, and what is measured on them."""
