# Wickstream's own image: scheduler, analyzer and the wick command line, on the Node that everything
# is tested with (.nvmrc). No build step: Node strips the types as it loads. No HEALTHCHECK: what is
# healthy differs by process, so docker-compose.yml says it for each.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY .npmrc package.json package-lock.json ./
# Optional packages are left out: the Node binaries are for hosts whose Node is older, and chdb is
# the ClickHouse engine of the embedded stack (546 MB); here Node is the image's and ClickHouse a
# server. .npmrc keeps install scripts off.
RUN npm ci --omit=dev --omit=optional && npm cache clean --force

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="Wickstream" \
      org.opencontainers.image.description="Change-data-capture streaming analytics for market candles" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="0.1.0"
ENV NODE_ENV=production
WORKDIR /app
RUN printf '#!/bin/sh\nexec node --max-semi-space-size=8 /app/scripts/wick.ts "$@"\n' > /usr/local/bin/wick \
    && chmod 0755 /usr/local/bin/wick
COPY LICENSE package.json pg-connector.json ./
COPY --from=dependencies /app/node_modules node_modules
COPY core core
COPY platform platform
COPY scheduler scheduler
COPY etl etl
COPY connectors connectors
COPY analyzer analyzer
COPY proof proof
COPY rules rules
COPY sources sources
COPY sql sql
COPY scripts scripts
# The image's "node" user, by number so that an orchestrator can see that it is not root.
USER 1000:1000
# Node as process 1 neither reaps children nor dies of an unhandled SIGTERM: run it with an init
# (compose: init: true; docker run --init).
ENTRYPOINT ["wick"]
CMD ["--help"]
