"""Device of tests of Triton kernels: a GPU where there is one, else Triton's interpreter. To be imported first."""

import importlib.util
import os

import pytest
import torch

if importlib.util.find_spec("triton") is None:
    pytest.skip("Triton is not installed (pip install -e .[triton] runs its interpreter)", allow_module_level=True)
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # read when a kernel is defined

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
F16, F32 = torch.float16, torch.float32
