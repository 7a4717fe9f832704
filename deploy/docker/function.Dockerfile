# An HTTP server with Hearth's watchdog where OpenFaaS images have theirs: it reads the same variables.
# Build context: a folder with the static program `server`, which listens on port 3000.
ARG WATCHDOG=hearth-watchdog
FROM ${WATCHDOG} AS watchdog
FROM scratch
COPY --from=watchdog /hearth-watchdog /usr/bin/fwatchdog
COPY server /server
ENV mode=http fprocess=/server upstream_url=http://127.0.0.1:3000 port=8080
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["/usr/bin/fwatchdog"]
