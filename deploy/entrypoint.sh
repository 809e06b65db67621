#!/bin/sh
# What a container adds to the command: secrets from files, and a name of its own where the platform gives none.
set -eu

# AKMA_API_KEYS_FILE=/run/secrets/keys becomes AKMA_API_KEYS; PGPASSWORD_FILE the password that AKMA_DATABASE_URL leaves
# out, so that it needs no escaping.
for name in $(env | sed -n 's/^\(AKMA_[A-Z0-9_]*\|PGPASSWORD\)_FILE=.*/\1/p'); do
    file=$(printenv "${name}_FILE")
    value=$(cat "$file") || { echo "$name: cannot read $file" >&2; exit 1; }
    export "$name=$value"
    unset "${name}_FILE"
done

# Cloud Run calls every instance localhost; two workers of one name would wait for each other.
if [ "${AKMA_NODE:-}" = random ]; then
    AKMA_NODE=node-$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
    export AKMA_NODE
fi

exec "$@"
