# syntax=docker/dockerfile:1
# Build: docker build -t botyard .      Run: docker run -p 8000:8000 -v botyard:/data botyard

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /build
RUN python -m venv /opt/botyard
COPY requirements/runtime.txt requirements/runtime.txt
RUN /opt/botyard/bin/pip install --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/botyard/bin/pip install --no-deps --no-build-isolation . \
    && /opt/botyard/bin/pip uninstall --yes hatchling pip

FROM python:3.11-slim-bookworm
# a fixed number, so that the rights on a mounted folder can be set before the first start
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin botyard \
    && install --directory --owner botyard --group botyard --mode 0700 /data
COPY --from=build /opt/botyard /opt/botyard
ENV PATH=/opt/botyard/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    BOTYARD_HOST=0.0.0.0 \
    BOTYARD_PORT=8000 \
    BOTYARD_DATA_DIR=/data
USER botyard
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['BOTYARD_PORT']}/health/live\", timeout=2)"]
ENTRYPOINT ["botyard"]
CMD ["up"]
