# Two stages: what builds never ships. Dependencies come from the locks alone, checked by hash.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements/ requirements/
RUN python -m venv /opt/build && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt
RUN python -m venv /opt/halyard && /opt/halyard/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.txt
COPY . .
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /opt/wheel . \
 && /opt/halyard/bin/pip install --no-cache-dir --no-index --no-deps /opt/wheel/*.whl

FROM python:3.11-slim-bookworm
RUN groupadd --system --gid 10001 halyard \
 && useradd --system --uid 10001 --gid halyard --home-dir /var/lib/halyard --create-home halyard
COPY --from=build /opt/halyard /opt/halyard
ENV PATH=/opt/halyard/bin:$PATH PYTHONUNBUFFERED=1 HALYARD_DATA_DIR=/var/lib/halyard HALYARD_LISTEN=0.0.0.0:8440
USER 10001:10001
WORKDIR /var/lib/halyard
VOLUME /var/lib/halyard
EXPOSE 8440
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["halyard", "health", "--url", "http://127.0.0.1:8440/healthz"]
ENTRYPOINT ["halyard"]
CMD ["serve"]
