# The watchdog alone: a layer to copy from. Build context: the folder of the built binaries.
#   buildah bud -f deploy/docker/watchdog.Dockerfile -t hearth-watchdog build/release/bin
FROM scratch
COPY hearth-watchdog /hearth-watchdog
LABEL org.opencontainers.image.title="hearth-watchdog" org.opencontainers.image.licenses="Apache-2.0"
USER 65532:65532
ENTRYPOINT ["/hearth-watchdog"]
