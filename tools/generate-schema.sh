#!/bin/sh
# Regenerates src/storage/generated/ from schema/*.fbs with flatc 25.12.19.
#
# flatc is taken from $FLATC or the PATH. Without one, this builds the release that the crate
# flatc-fork 0.6 carries:
#   cargo init --name flatc-path /tmp/flatc-path && cd /tmp/flatc-path && cargo add flatc-fork@0.6
#   echo 'fn main() { println!("{}", flatc_fork::flatc().display()); }' > src/main.rs
#   FLATC=$(cargo run --quiet)
set -eu
cd "$(dirname "$0")/.."
flatc="${FLATC:-flatc}"
"$flatc" --version
for schema in checkpoint catalog; do
    "$flatc" --rust -o src/storage/generated "schema/$schema.fbs"
    rustfmt --edition 2024 "src/storage/generated/${schema}_generated.rs" || true
done
