# The exporter and what it needs to run, and nothing else. How to build and run it: docs/operations.md

# A Debian with Python and its venv module; this one has the Python that the tests run on.
ARG BASE=docker.io/library/python:3.11-slim-bookworm
# sha256:... of that base; without it, whatever the tag means on the day.
ARG BASE_DIGEST

FROM ${BASE}${BASE_DIGEST:+@${BASE_DIGEST}} AS build
# As pip knows them: where packages come from, if not from its usual index. Their hashes are checked wherever that is.
ARG PIP_FIND_LINKS
ARG PIP_INDEX_URL
ARG PIP_NO_INDEX
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all: PIP_REQUIRE_HASHES=1
WORKDIR /build
COPY requirements.lock requirements-image.lock ./
RUN python3 -m venv tools \
 && tools/bin/pip install --requirement requirements-image.lock \
 && python3 -m venv --without-pip /app \
 && tools/bin/pip --python /app install --no-compile --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
COPY scripts/rootfs.py scripts/
# Our own wheel has no hash: it is made here.
RUN tools/bin/hatchling build --target wheel \
 && PIP_REQUIRE_HASHES=0 tools/bin/pip --python /app install --no-compile --no-deps --no-index --find-links dist \
    contact-center-exporter \
 && tools/bin/cyclonedx-py environment --output-reproducible --output-file /app/sbom.cdx.json /app \
 && python3 scripts/rootfs.py /app /rootfs

# The list of what is in the image, alone: make sbom.
FROM scratch AS sbom
COPY --from=build /rootfs/app/sbom.cdx.json /

FROM scratch
ARG BASE
ARG BASE_DIGEST
ARG REVISION
ARG SOURCE
ARG VERSION
LABEL org.opencontainers.image.title="contact-center-exporter" \
      org.opencontainers.image.description="Prometheus exporter for contact-centre statistics" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.base.name="${BASE}" \
      org.opencontainers.image.base.digest="${BASE_DIGEST}"
COPY --from=build /rootfs/ /
ENV PATH=/app/bin PYTHONDONTWRITEBYTECODE=1
# Where config.yaml is looked for.
WORKDIR /etc/contact-center-exporter
USER 65532:65532
EXPOSE 10777
# The module, not the command: it is there in a fifth of the time, and asked twice a minute.
HEALTHCHECK --interval=30s --timeout=15s --start-period=10s CMD ["/app/bin/python3", "-I", "-m", "exporter.healthcheck"]
ENTRYPOINT ["/app/bin/contact-center-exporter"]
