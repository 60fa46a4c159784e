#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Redis 6.2 or later: once a second, each session is its ACL user's, and is closed if that is over the
# cap. As root: redis.sh [OPTIONS OF redis-cli]; REDISCLI_AUTH has the password.
# A name of Redis has neither blanks nor line breaks, so that words will do.
while sleep 1; do
	redis-cli "$@" client list |
		sed -nE '/ user=default /d; s/^id=[0-9]+ addr=([^ ]+) laddr=([^ ]+) .* user=([^ ]+) .*/--remote \1 --local \2 -- \3/p'
done | headcount label --kill - | sed -u '/^ok$/d' >&2
