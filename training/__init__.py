"""Training of StyleGAN3 networks: on the sea as it is drawn, or on a folder of one's own pictures."""
