#!/bin/sh
# Creates Temporal's two databases and brings their schemas to the server's version.
# Safe to run again: what exists is left, what is older is updated.
set -eu

schema() {
  temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_SEEDS" --port "$DB_PORT" \
    --user "$POSTGRES_USER" --password "$POSTGRES_PWD" --database "$1" "$2" $3
}

for pair in temporal:temporal temporal_visibility:visibility; do
  database=${pair%%:*}
  versions=/etc/temporal/schema/postgresql/v12/${pair##*:}/versioned
  schema "$database" create '' || echo "Database $database is there already."
  schema "$database" setup-schema '-v 0.0' || echo "Schema of $database is there already."
  schema "$database" update-schema "-d $versions"
done
