"""The StyleGAN2 generator, for inference: Karras et al., CVPR 2020 and NeurIPS 2020. Written from the mathematics."""

from torch import Tensor, nn

from akma_core.networks.kernels.compiled import available

from .config import GeneratorConfig
from .mapping import MappingNetwork
from .synthesis import SynthesisNetwork


class Generator(nn.Module):
    """mapping and synthesis, under the names that StyleGAN users know.

    `compiled` kernels are used on a CPU wherever they can be; False is the same in plain torch.
    """

    def __init__(self, cfg: GeneratorConfig, compiled: bool | None = None) -> None:
        super().__init__()
        self.cfg = cfg
        self.z_dim, self.c_dim, self.w_dim = cfg.z_dim, cfg.c_dim, cfg.w_dim
        self.img_resolution, self.img_channels, self.num_ws = cfg.img_resolution, cfg.img_channels, cfg.num_ws
        self.mapping = MappingNetwork(cfg)
        self.synthesis = SynthesisNetwork(cfg, available() if compiled is None else compiled)
        self.requires_grad_(False).eval()

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1,
        truncation_cutoff: int | None = None,
        noise_mode: str = "const",
        noise_seeds: Tensor | None = None,
    ) -> Tensor:
        """[B, z_dim] -> [B, img_channels, H, W]; see `mapping` and `synthesis`."""
        ws = self.mapping(z, c, truncation_psi, truncation_cutoff)
        picture: Tensor = self.synthesis(ws, noise_mode, noise_seeds)
        return picture
