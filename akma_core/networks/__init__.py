"""Networks: one package a kind, one small interface for all (kinds.py)."""

KINDS = {
    "sea": "akma_core.networks.sea",
    "stylegan2": "akma_core.networks.stylegan2",
    "stylegan3": "akma_core.networks.stylegan3",
}
"""The package of each kind of generator."""
