# Headwater in an image: `headwater sync` by default; `headwater dev --host 0.0.0.0` serves the UI;
# `dagster api grpc -m orchestration.definitions -h 0.0.0.0 -p 4000` is a Dagster code server.
ARG BASE=python:3.12-slim
FROM ${BASE}

RUN useradd --create-home --uid 10001 headwater
WORKDIR /app
COPY requirements.lock ./
RUN python3 -m venv /opt/headwater \
    && /opt/headwater/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY orchestration orchestration
COPY assets assets
COPY integrations integrations
RUN /opt/headwater/bin/pip install --no-cache-dir --no-deps .
COPY config.yaml *.tables.json workspace.yaml /project/
RUN chown -R headwater /project

USER headwater
WORKDIR /project
ENV PATH=/opt/headwater/bin:$PATH DAGSTER_HOME=/project/.dagster
HEALTHCHECK --interval=30s --timeout=10s CMD ["headwater", "validate"]
ENTRYPOINT ["headwater"]
CMD ["sync"]
