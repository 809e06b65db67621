"""The fully connected layer of StyleGANs, whose learning rate is a factor of its weights."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class FullyConnected(nn.Module):
    """y = x W^T g + b m, with g = m / sqrt(in_features) and m the learning-rate multiplier."""

    def __init__(self, in_features: int, out_features: int, lr_multiplier: float = 1.0, bias_init: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full([out_features], float(bias_init)))
        self.weight_gain = lr_multiplier / math.sqrt(in_features)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)
