# One image for web, worker, beat and commands; the command decides.

FROM node:24-bookworm-slim AS frontend
WORKDIR /src
COPY . .
# The single-page app has its own folder; without it there is nothing to build.
RUN mkdir -p static/app && if [ -f frontend/package.json ]; then cd frontend && npm ci && npm run build; fi

FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
COPY requirements.txt .
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt

FROM python:3.13-slim-bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        fonts-dejavu-core libharfbuzz-subset0 libpango-1.0-0 libpangoft2-1.0-0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /home/osdentaire osdentaire
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
COPY --from=frontend /src/static/app static/app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    ENVIRONMENT=production OSDENTAIRE_DATA=/data PORT=8000
# These values open nothing; they let the settings load while static files are collected.
RUN python -m config.translations compile \
    && filler=collecting-static-files-needs-no-secret-of-anybody \
    && env SECRET_KEY=$filler APP_KMS_KEY=k1:$filler APP_INDEX_KEY=$filler JWT_SIGNING_KEY=$filler \
        LINK_SIGNING_KEY=$filler DISPATCH_KEY=$filler METRICS_TOKEN=$filler LEDGER_SIGNING_KEY=k1:$filler ALLOWED_HOSTS=localhost \
        PUBLIC_URL=https://localhost DATABASE_URL=postgres://localhost/none REDIS_URL=redis://localhost/0 \
        python manage.py collectstatic --noinput --verbosity 0 \
    && mkdir /data && chown osdentaire /data
USER osdentaire
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=40s CMD ["python", "-m", "config.healthcheck"]
# `exec`, so that the server is process 1 and gets the platform's signals.
CMD ["sh", "-c", "exec gunicorn config.asgi:application -k uvicorn_worker.UvicornWorker --bind 0.0.0.0:$PORT --workers ${WEB_CONCURRENCY:-2} --graceful-timeout 25 --access-logfile -"]
