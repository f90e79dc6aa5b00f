FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml requirements.txt README.md ./
COPY clinic_api clinic_api
RUN python -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --no-cache-dir . -c requirements.txt

FROM python:3.13-slim
LABEL org.opencontainers.image.title="Clinic API" \
      org.opencontainers.image.description="A backend for a clinic's doctors and patients" \
      org.opencontainers.image.licenses="MIT"
RUN useradd --uid 10001 --create-home clinic && install --directory --owner clinic --group clinic /data
WORKDIR /app
COPY --from=build /venv /venv
COPY alembic.ini ./
COPY alembic alembic
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 DATA_DIR=/data
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["python", "-c", \
    "from urllib.request import *; build_opener(ProxyHandler({})).open('http://127.0.0.1:8000/health/live', timeout=3)"]
CMD ["python", "-m", "clinic_api", "serve", "--host", "0.0.0.0"]
