"""Training of the hit network, whose weights are akma_core/audio/features/hits-net.npz."""
