#!/bin/sh
# Makes the namespace that Masar uses. Runs are kept for a week; statuses live in Masar's own tables.
set -eu
temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 7d
