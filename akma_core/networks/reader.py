"""Reading a network file by its content: which container, whose names, which kind."""

from .checkpoint import Checkpoint
from .pkl.allowlist import load_container
from .pkl.container import generator_of
from .pkl.file import form_of
from .pkl.foreign import TensorFlowError
from .pkl.tensorflow import load_tensorflow
from .pkl.torch_save import load_stream, load_zip
from .stylegan2 import pytorch as stylegan2
from .stylegan2 import rosinality, tensorflow
from .stylegan3 import pytorch as stylegan3


def parse(data: bytes) -> Checkpoint:
    """The generator in a file's bytes; RequestError (code bad_network), in one line, where there is none."""
    view, form = memoryview(data), form_of(data)
    if form != "pickle":
        root = load_zip(view) if form == "torch zip" else load_stream(view)
        return rosinality.read(root, len(data))
    try:
        root = load_container(view)
    except TensorFlowError:
        # Another format with an allow-list of its own, which has no persistent objects.
        return tensorflow.read(load_tensorflow(view), len(data))
    generator = generator_of(root)
    if "synthesis.b4.const" in generator.tensors:
        return stylegan2.read(generator, len(data))
    return stylegan3.read(generator, len(data))
