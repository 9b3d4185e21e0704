# One image for web, worker and migrations: docs/deployment.md, "Container".
FROM python:3.13-slim AS build
WORKDIR /srv
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir -r requirements.txt
COPY . .
# The settings want to be complete; nothing connects to this database, and no secret is kept.
RUN DATABASE_URL=postgresql://nobody@localhost/none ALLOWED_HOSTS=localhost \
    SECRET_KEY=only-while-the-image-is-built-0123456789abcdef \
    JWT_SECRET=only-while-the-image-is-built-9876543210fedcba \
    /venv/bin/python manage.py collectstatic --noinput

FROM python:3.13-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends tesseract-ocr \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home ultrai
WORKDIR /srv
COPY --from=build /venv /venv
COPY --from=build /srv /srv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PORT=8000
USER ultrai
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", \
    "import os, urllib.request as r; r.urlopen('http://localhost:' + os.environ['PORT'] + '/health/live', timeout=4)"]
# Everything in one container; compose.yaml runs web and worker apart.
CMD ["python", "-m", "ultrai.container"]
