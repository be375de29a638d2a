# The image of Tollgate: one static program, certificate authorities, an empty /tmp, and nothing else.
#
#   docker build --build-arg REVISION="$(git rev-parse HEAD)" --tag tollgate .
#
# Contents that were made elsewhere (scripts/image.sh contents FOLDER) take the place of the first stage, so that no
# toolchain is fetched:
#
#   docker build --build-context build=FOLDER --tag tollgate .

# What builds it. A release names it with its digest. Any other with this version of Rust, a C compiler and the files
# of Debian's ca-certificates will do.
ARG BUILDER=docker.io/library/rust:1.95.0-slim-bookworm

FROM ${BUILDER} AS build
WORKDIR /build
COPY . .
# What was fetched and compiled before is found again where the builder keeps such mounts. Every
# flag is in the script or in .cargo/config.toml.
RUN --mount=type=cache,target=/build/.cache \
    --mount=type=cache,target=/build/target \
    --mount=type=cache,target=/usr/local/cargo/registry \
    scripts/tools.sh auditable && scripts/image.sh contents /

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=https://tollgate.example/source
LABEL org.opencontainers.image.title="Tollgate" \
      org.opencontainers.image.description="Delivers one-time passcodes: Okta's telephony hook or a gRPC call in, a message on a phone out" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /rootfs/ /
# The ledger's place; a volume that is mounted here for the first time gets this owner.
COPY --from=build --chown=65532:65532 /data/ /var/lib/
WORKDIR /var/lib/tollgate
USER 65532:65532
# Okta's hooks, gRPC, and health with metrics.
EXPOSE 8080 50051 9090
STOPSIGNAL SIGTERM
ENTRYPOINT ["/tollgate"]
CMD ["serve", "--config", "/etc/tollgate/config.yaml"]
