#!/bin/sh
# Generates clients for Java and Go from the OpenAPI description of the chatbots document.
#
#   scripts/generate_sdks.sh FOLDER             generate FOLDER/java and FOLDER/go
#   scripts/generate_sdks.sh --compile FOLDER   ... and compile them where `javac` and `go` are installed
#
# Needs a Java runtime and openapi-generator-cli on the PATH, as the packages of that name on PyPI and npm
# install it (`pip install openapi-generator-cli`). Nothing is fetched from anywhere else.
# OPENAPI names another description; the default is docs/reference/openapi-chatbots.json.
set -eu

compile=no
if [ "${1:-}" = --compile ]; then
    compile=yes
    shift
fi
target=${1:?name the folder to write to}
here=$(cd "$(dirname "$0")/.." && pwd)
description=${OPENAPI:-$here/docs/reference/openapi-chatbots.json}
generator=${OPENAPI_GENERATOR:-openapi-generator-cli}

for program in java "$generator"; do
    command -v "$program" >/dev/null || { echo "$program is not installed; it is needed to generate." >&2; exit 3; }
done
mkdir -p "$target"
target=$(cd "$target" && pwd)

# The generators know no constant truth values, make no class for a body that may come as a form, too, and need an
# address to show in their examples.
"${PYTHON:-python3}" - "$description" "$target/openapi.json" <<'PYTHON'
import json
import sys


def plain(value):
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "application/json" in value:
        value = {name: item for name, item in value.items() if name != "multipart/form-data"}
    if isinstance(value.get("const"), bool):
        value = {name: item for name, item in value.items() if name != "const"} | {"type": "boolean"}
    return {name: plain(item) for name, item in value.items()}


with open(sys.argv[1], encoding="utf-8") as source:
    described = plain(json.load(source))
described["servers"] = [{"url": "http://localhost:8000/chatbots"}]
with open(sys.argv[2], "w", encoding="utf-8") as changed:
    json.dump(described, changed)
PYTHON

generate() {
    language=$1
    shift
    rm -rf "${target:?}/$language"
    "$generator" generate --input-spec "$target/openapi.json" --generator-name "$language" \
        --output "$target/$language" "$@" >"$target/$language.log" 2>&1 || {
        cat "$target/$language.log" >&2
        exit 1
    }
    echo "Generated $target/$language"
}

generate java --additional-properties library=native,openApiNullable=false,hideGenerationTimestamp=true \
    --additional-properties groupId=chatbots.platform,artifactId=chatbots-platform-sdk \
    --invoker-package chatbots.platform --api-package chatbots.platform.api --model-package chatbots.platform.model
generate go --additional-properties packageName=chatbots,isGoSubmodule=false \
    --git-host chatbots.invalid --git-user-id platform --git-repo-id sdk

[ "$compile" = yes ] || exit 0

# What the Java client needs beyond the JDK is in the generator's own archive, but for one annotation.
compile_java() {
    archive=${OPENAPI_GENERATOR_JAR:-$(find "$(dirname "$(command -v "$generator")")/.." -name 'openapi-generator*.jar' | head -n 1)}
    [ -n "$archive" ] || { echo "The generator's archive is not found; name it in OPENAPI_GENERATOR_JAR." >&2; exit 1; }
    mkdir -p "$target/classes/javax/annotation"
    cat >"$target/classes/javax/annotation/Generated.java" <<'JAVA'
package javax.annotation;

public @interface Generated {
    String[] value();
    String comments() default "";
    String date() default "";
}
JAVA
    find "$target/java/src/main" -name '*.java' >"$target/java.sources"
    javac -proc:none -nowarn -d "$target/classes" -classpath "$archive" \
        "$target/classes/javax/annotation/Generated.java" "@$target/java.sources" 2>"$target/javac.log" || {
        cat "$target/javac.log" >&2
        exit 1
    }
    echo "Compiled $target/java with $(javac -version 2>&1)"
}

if command -v javac >/dev/null; then
    compile_java
else
    echo "Not compiled: $target/java, because javac is not installed"
fi
if command -v go >/dev/null; then
    (cd "$target/go" && GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local go build ./...)
    echo "Compiled $target/go with $(go version)"
else
    echo "Not compiled: $target/go, because go is not installed"
fi
