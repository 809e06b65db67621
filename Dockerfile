# One image for every node: API, worker or both, by AKMA_ROLE. CUDA's runtime is in torch's own wheels; the driver is
# the machine's. With the index of torch's CPU wheels as TORCH_INDEX_URL it has no CUDA and is gigabytes smaller.
ARG BASE=python:3.11.14-slim-bookworm

# The page; Node, from PyPI, stays in this stage.
FROM ${BASE} AS studio
WORKDIR /build
COPY studio studio
COPY scripts/build_studio.py scripts/
RUN python scripts/build_studio.py

FROM ${BASE} AS build
ARG TORCH_INDEX_URL=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /build
COPY requirements.txt ./
# The pins are whole but for what CUDA's torch itself pins, exactly: its libraries and Triton.
RUN python -m venv /opt/akma \
    && if [ -n "$TORCH_INDEX_URL" ]; then \
        /opt/akma/bin/pip install --index-url "$TORCH_INDEX_URL" "$(grep '^torch==' requirements.txt)"; \
    fi \
    && /opt/akma/bin/pip install -r requirements.txt \
    && /opt/akma/bin/pip uninstall --yes pip
COPY service.py /app/
COPY akma_core /app/akma_core
COPY --from=studio /build/akma_core/api/static /app/akma_core/api/static
COPY runners /app/runners
RUN python -m compileall -q /app

FROM ${BASE}
COPY --from=build /opt/akma /opt/akma
# Triton, which comes with CUDA's torch, compiles the launcher of each kernel with a C compiler.
# hadolint ignore=DL3008
RUN if [ -e /opt/akma/lib/python3.11/site-packages/triton ]; then \
        apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev \
        && rm -rf /var/lib/apt/lists/*; \
    fi \
    && install --directory --owner=10001 --group=10001 /data
COPY --from=build /app /app
COPY deploy/entrypoint.sh /usr/local/bin/entrypoint

# All that is written goes to /data, which should outlive the container, or to /tmp, which need not: the root file
# system may be read-only. BENTOML_CONTAINERIZED is not set: with it, a worker that died would stay dead.
ENV PATH=/opt/akma/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/data \
    AKMA_HOME=/data \
    BENTOML_HOME=/data/bentoml \
    NUMBA_CACHE_DIR=/data/cache/numba \
    TRITON_CACHE_DIR=/data/cache/triton \
    XDG_CACHE_HOME=/data/cache \
    MPLCONFIGDIR=/tmp/matplotlib \
    PROMETHEUS_MULTIPROC_DIR=/tmp/prometheus \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility,video
WORKDIR /app
USER 10001:10001
VOLUME ["/data"]
EXPOSE 3000
STOPSIGNAL SIGTERM
# Whether the process serves at all: that is what a restart mends. /v1/health also tells of the database, the bucket and
# the workers of other machines, which it does not.
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --retries=4 CMD ["python", "-c", \
    "import urllib.request as u; u.urlopen('http://127.0.0.1:3000/livez', timeout=4)"]
ENTRYPOINT ["sh", "/usr/local/bin/entrypoint", "python", "-m", "akma_core.cli"]
CMD ["serve", "--host", "0.0.0.0"]
