"""Real-ESRGAN upscalers (github.com/xinntao/Real-ESRGAN): `load.load_upscaler(name_or_path, device, dtype)`."""
