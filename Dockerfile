# Two stages: the first builds the environment from the lock, the second carries it and nothing that built it.
# PYTHON_IMAGE may be any Debian with Python 3.11 or later; both stages must be of the same.
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
# What the image has beside the service. Without `train` it serves models that were trained elsewhere, and is smaller.
ARG EXTRAS="train postgresql"
ENV PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore UV_LINK_MODE=copy UV_CACHE_DIR=/var/cache/uv VENV=/opt/farol
WORKDIR /build
COPY scripts/setup.sh scripts/htmx.py scripts/
COPY requirements/lock.txt requirements/uv.txt requirements/node.txt requirements/
COPY pyproject.toml README.md LICENSE ./
COPY src src
# Downloads stay in a cache of the machine that builds. The optional secret `pip` is a pip.conf, for networks with an
# index of their own. Both are there while this command runs and in no layer. What installs has no business in a service.
RUN --mount=type=cache,target=/var/cache/uv --mount=type=secret,id=pip,target=/etc/pip.conf \
    scripts/setup.sh serve \
    && /opt/farol/bin/python -m pip uninstall --yes --quiet pip \
    && rm -rf /opt/farol/uv /opt/farol/node /opt/farol/.farol

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Farol" \
      org.opencontainers.image.description="Early warning for schools: which pupils risk falling behind, why, and whether the answer can still be trusted." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"
RUN groupadd --gid 10001 farol \
    && useradd --uid 10001 --gid farol --home-dir /srv/farol --no-create-home --shell /usr/sbin/nologin farol \
    && install --directory --owner farol --group farol --mode 0750 /srv/farol /srv/farol/artifacts /srv/farol/data
COPY --from=build /opt/farol /opt/farol
# A container listens on all of its own addresses, or nothing could reach it. Farol refuses to, until it is told that
# the port is published with care: see FAROL_OPEN_NETWORK in compose.yaml.
# ONNX Runtime's builds report to their maker unless this is set before they start; Farol calls nobody.
ENV PATH=/opt/farol/bin:$PATH \
    ORT_DISABLE_TELEMETRY=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    FAROL_HOST=0.0.0.0 \
    FAROL_ARTIFACTS=/srv/farol/artifacts \
    FAROL_DATA=/srv/farol/data
WORKDIR /srv/farol
USER 10001:10001
VOLUME ["/srv/farol/artifacts", "/srv/farol/data"]
EXPOSE 8000
STOPSIGNAL SIGTERM
# /ready answers 503, and so the container is "unhealthy", until a verified model and the database can be used.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ.get('FAROL_PORT') or 8000}/ready\", timeout=4)"]
ENTRYPOINT ["farol"]
CMD ["serve"]
