FROM python:3.12-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /build
COPY constraints.txt ./
RUN python -m venv /opt/planflow \
    && pip install -c constraints.txt hatchling
COPY . .
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && wheel="$(ls /wheels/planflow-*.whl)" \
    && /opt/planflow/bin/pip install -c constraints.txt "${wheel}[postgres]"


FROM python:3.12-slim

# The user's data folder is /data too: nothing is written anywhere else.
ENV PATH="/opt/planflow/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    XDG_DATA_HOME=/data \
    PLANFLOW_DATABASE_URL=sqlite:////data/planflow.db

RUN groupadd --system --gid 10001 planflow \
    && useradd --system --uid 10001 --gid planflow --home-dir /data --no-create-home \
        --shell /usr/sbin/nologin planflow \
    && install --directory --owner planflow --group planflow --mode 0750 /data

COPY --from=build /opt/planflow /opt/planflow

USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8000

HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]

CMD ["planflow", "serve", "--host", "0.0.0.0", "--port", "8000"]
