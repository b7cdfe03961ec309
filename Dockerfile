# Headwater in an image. What a container does is its command:
#   (none)                                                      headwater sync, of /project/config.yaml
#   serve                                                       a CloudQuery plugin of $HEADWATER_SOURCE, as `registry: docker` starts it
#   dagster api grpc -m orchestration.definitions -h 0.0.0.0 -p 4000   Dagster's code server
#   any other command of headwater, such as dev --host 0.0.0.0
#
# --build-arg BASE=…      another base: any with Python 3.11 to 3.14 and its venv module
# --build-arg SOURCE=…    the integration that it serves, such as integrations.typeform
# --secret id=pip,src=…   a pip.conf, where packages come from elsewhere than PyPI
ARG BASE=python:3.12-slim
FROM ${BASE}

RUN useradd --create-home --uid 10001 headwater
RUN printf '#!/bin/sh\ncase "$1" in dagster*) ;; *) set -- headwater "$@" ;; esac\nexec "$@"\n' > /usr/local/bin/entrypoint \
    && chmod 755 /usr/local/bin/entrypoint

WORKDIR /app
COPY requirements-image.lock ./
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python3 -m venv /opt/headwater \
    && /opt/headwater/bin/pip install --no-cache-dir --require-hashes -r requirements-image.lock
COPY pyproject.toml README.md LICENSE ./
COPY orchestration orchestration
COPY assets assets
COPY integrations integrations
RUN /opt/headwater/bin/pip install --no-cache-dir --no-index --no-deps --no-build-isolation .
COPY config.yaml *.tables.json workspace.yaml /project/
RUN mkdir -p /project/data /project/.dagster && chown -R headwater /project

USER headwater
WORKDIR /project
ARG SOURCE=
ENV PATH=/opt/headwater/bin:$PATH DAGSTER_HOME=/project/.dagster HEADWATER_SOURCE=$SOURCE
EXPOSE 7777 4000 3000
HEALTHCHECK --interval=30s --timeout=15s --start-period=30s CMD ["python", "-m", "orchestration.packaging.health"]
ENTRYPOINT ["entrypoint"]
CMD ["sync"]
