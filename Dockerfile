# The collector as an image. The final stage is distroless: the C and C++ libraries that Node.js and DuckDB's binding
# need, certificate authorities, and node itself. No shell, no package manager, no root, nothing writable but /data.
# Both bases are named by the digest of their multi-platform index, what npm installs by its SHA-512 in
# package-lock.json.
#
#   docker buildx build --platform linux/amd64,linux/arm64 \
#     --build-arg VERSION="$(node -p 'require("./package.json").version')" \
#     --build-arg REVISION="$(git rev-parse HEAD)" --build-arg CREATED="$(date -u +%FT%TZ)" \
#     --tag jumpcloud-ocsf .
#
# Without a shell in the image: `docker exec NAME jumpcloud-ocsf check` works, `docker exec NAME sh` does not.
ARG NODE_IMAGE=node:24.21.0-trixie-slim@sha256:8ec5d7557396cfe32d21c3f9c13072355ceab22b584578ca4bb28af31120cffe
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian13:nonroot@sha256:e792ab3d241a468a4fd7519ddbbebe66b49b5f365771716ea688ad40b6c6f1c2

# Compiles. The JavaScript is the same on every platform, so it runs on the builder's own.
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
COPY .ci/build.mjs .ci/keep-compiled.mjs .ci/
RUN npm ci --omit=dev --no-audit --no-fund
# What the builder has compiled is for its own processor.
COPY --from=build /build/dist dist
RUN node .ci/keep-compiled.mjs
# The launcher names node by its path: the final stage has no /usr/bin/env for the first line of cli.js.
RUN mkdir bin && printf '#!/usr/local/bin/node --disallow-code-generation-from-strings\nimport "../dist/collector/cli.js";\n' > bin/jumpcloud-ocsf && chmod 0755 bin/jumpcloud-ocsf

FROM ${RUNTIME_IMAGE}
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
COPY --from=dependencies /usr/local/bin/node /usr/local/bin/node
COPY --from=dependencies /opt/jumpcloud-ocsf /opt/jumpcloud-ocsf
COPY --from=build /build/fixtures /opt/jumpcloud-ocsf/fixtures
COPY --from=build /build/schemas /opt/jumpcloud-ocsf/schemas
COPY --from=build /build/deploy /opt/jumpcloud-ocsf/deploy
COPY --from=build /build/LICENSE /build/NOTICE /build/CHANGELOG.md /opt/jumpcloud-ocsf/
COPY --from=build --chown=10001:10001 /build/data /data
ENV NODE_ENV=production
ENV PATH=/opt/jumpcloud-ocsf/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# Probes and scrapes come from outside the container. A token guards /metrics and /status: HTTP_TOKEN_FILE.
ENV HTTP_HOST=0.0.0.0
# Spill files of `query` go there too: nothing else can be written.
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
