#!/bin/sh
# Pins every package with its hashes into requirements/, one file per set; no address is written.
# What is pinned already stays unless `--upgrade` (or another option of `uv pip compile`) says otherwise.
set -eu
cd "$(dirname "$0")/.."

compile() {
    scripts/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
        --no-emit-index-url --custom-compile-command 'make lock' "$@"
}

# what `make up` installs: everything that works without a download at run time
compile --output-file requirements/runtime.txt pyproject.toml --extra nlu --extra voice --group build "$@"
compile --output-file requirements/dev.txt pyproject.toml --extra nlu --extra voice --group build --group dev \
    --constraint requirements/runtime.txt "$@"
for group in docs servers; do
    compile --output-file "requirements/$group.txt" --group "$group" --constraint requirements/dev.txt "$@"
done
