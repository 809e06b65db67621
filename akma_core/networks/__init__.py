"""Networks: one package a kind, one small interface for all."""
