"""AKMA over HTTP: routes under /v1, who may use them, and how they fail."""
