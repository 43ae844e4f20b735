#!/bin/sh
# Holds the embedded Redis against clients in other languages, beside a real redis-server; see README.md here.
# PYTHON is an interpreter that has lab with its test extra; packages of Node go into a folder of their own.
set -eu
cd "$(dirname "$0")/../../.."
exec "${PYTHON:-python3}" -m tests.conformance.redis.run "$@"
