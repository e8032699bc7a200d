# One image for every process; docker-compose.yml says which command each container runs.
FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements.lock .
RUN /opt/venv/bin/pip install --require-hashes -r requirements.lock

FROM python:3.12-slim
# The product's own user: nothing in the container runs as root.
RUN useradd --create-home --uid 10001 cdp && mkdir /data && chown cdp:cdp /data
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY --chown=root:root manage.py ./
COPY --chown=root:root cdp cdp
COPY --chown=root:root profiles profiles
COPY --chown=root:root consent consent
COPY --chown=root:root enrichment enrichment
COPY --chown=root:root segments segments
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=cdp.settings \
    CDP_BOOTSTRAP=0 \
    CDP_DATA_DIR=/data
USER cdp
VOLUME /data
EXPOSE 8000
CMD ["python", "-m", "granian", "--interface", "rsgi", "--loop", "asyncio", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--backpressure", "1024", "--no-ws", "--respawn-failed-workers", "--respawn-interval", "0.5", "--workers-kill-timeout", "10", "--log-level", "warning", "cdp.rsgi:application"]
