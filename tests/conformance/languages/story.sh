#!/bin/sh
# The tools of rabbitmq-c, each of which makes one connection: see story.py.
set -eu
at="--server=127.0.0.1 --port=$1"
amqp-declare-queue $at -d -q story-work
printf one | amqp-publish $at -r story-work -p
printf 'two\nthree\n' | amqp-publish $at -r story-work -l
echo "got $(amqp-get $at -q story-work)"
amqp-consume $at -q story-work -p 1 -c 2 -- sh -c 'echo "consumed $(cat)"'
amqp-get $at -q story-work || echo "empty $?"
head -c 300000 /dev/zero | amqp-publish $at -r story-work
echo "large $(amqp-get $at -q story-work | wc -c)"
printf lost | amqp-publish $at -e story-none -r key || echo "missing"
echo "deleted $(amqp-delete-queue $at -q story-work)"
