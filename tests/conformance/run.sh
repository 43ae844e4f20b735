#!/bin/sh
# Runs the public yardsticks against a private RabbitMQ (where installed) and the embedded broker; see README.md here.
# PYTHON is an interpreter that has lab with its test extra; everything else goes into a folder of its own.
set -eu
cd "$(dirname "$0")/../.."
exec "${PYTHON:-python3}" -m tests.conformance.run "$@"
