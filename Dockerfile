# syntax=docker/dockerfile:1
#
# The collector as an image: Debian's slim base because DuckDB's binding needs glibc, no root, no build tools, nothing
# writable but /data. Everything that npm installs is named with its SHA-512 in package-lock.json; name the base by its
# digest too where images must be reproducible to the byte:
#
#   docker buildx build --platform linux/amd64,linux/arm64 \
#     --build-arg NODE_IMAGE=node:24-bookworm-slim@sha256:... \
#     --build-arg VERSION="$(node -p 'require("./package.json").version')" \
#     --build-arg REVISION="$(git rev-parse HEAD)" --build-arg CREATED="$(date -u +%FT%TZ)" \
#     --tag jumpcloud-ocsf .
ARG NODE_IMAGE=node:24-bookworm-slim

# Compiles. Its output is the same on every platform, so it runs on the builder's own.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund --ignore-scripts
COPY . ./
RUN npm run build && mkdir -m 0700 data && chmod -R go=rX dist fixtures schemas deploy

# Installs what production needs, with DuckDB's binding for the platform of the image.
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /opt/jumpcloud-ocsf
COPY package.json package-lock.json .npmrc ./
COPY .ci/build.mjs .ci/
RUN npm ci --omit=dev --no-audit --no-fund
RUN mkdir bin && ln -s ../dist/collector/cli.js bin/jumpcloud-ocsf

FROM ${NODE_IMAGE}
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="jumpcloud-ocsf" \
      org.opencontainers.image.description="Collects JumpCloud login and admin activity, normalises it to OCSF and delivers it exactly once to Kafka or Parquet tables" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="the jumpcloud-ocsf authors" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
COPY --from=dependencies /opt/jumpcloud-ocsf /opt/jumpcloud-ocsf
COPY --from=build /build/dist /opt/jumpcloud-ocsf/dist
COPY --from=build /build/fixtures /opt/jumpcloud-ocsf/fixtures
COPY --from=build /build/schemas /opt/jumpcloud-ocsf/schemas
COPY --from=build /build/deploy /opt/jumpcloud-ocsf/deploy
COPY --from=build /build/LICENSE /build/NOTICE /build/CHANGELOG.md /opt/jumpcloud-ocsf/
COPY --from=build --chown=10001:10001 /build/data /data
ENV NODE_ENV=production
ENV PATH=/opt/jumpcloud-ocsf/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# Probes and scrapes come from outside the container. A token guards /metrics and /status: HTTP_TOKEN_FILE.
ENV HTTP_HOST=0.0.0.0
# What `query` sets aside goes there too: nothing else can be written.
ENV TMPDIR=/data
# The default directories ./data/tables and ./data/state are meant from here: both lie in the volume.
WORKDIR /
USER 10001:10001
VOLUME /data
EXPOSE 9464
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "/opt/jumpcloud-ocsf/deploy/container/health.mjs"]
ENTRYPOINT ["jumpcloud-ocsf"]
CMD ["run"]
