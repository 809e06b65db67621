"""The commands of `akma`, a module each: `add` says what it takes, `run` does it and imports what is heavy."""
