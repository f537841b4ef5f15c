#!/usr/bin/env bash
# Build the conformance reports of devices under docs/conformance/, a folder each, or check them.
#
#   tools/conformance_reports.sh [--check] [--depth DEPTH] [DEVICE...]      (default: cpu mirror opencl:0, smoke)
#
# --check writes nothing there: it runs the suites and fails where a test fails or a device's level is below that of
# its report. VENV names the environment (default .venv), WORKERS the processes (2).
set -euo pipefail
cd "$(dirname "$0")/.."

tensorplug="${VENV:-.venv}/bin/tensorplug"
check=0 depth=smoke devices=()
while (($#)); do
    case "$1" in
        --check) check=1 ;;
        --depth) depth="$2"; shift ;;
        *) devices+=("$1") ;;
    esac
    shift
done
((${#devices[@]})) || devices=(cpu mirror opencl:0)

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
failed=()
for device in "${devices[@]}"; do
    kept="docs/conformance/${device%:*}" made="$work/${device%:*}"
    arguments=(conformance run "$device" --depth "$depth" --workers "${WORKERS:-2}" --report "$made")
    if ((check)); then
        "$tensorplug" "${arguments[@]}" --not-below "$kept/report.json.gz" || failed+=("$device")
        continue
    fi
    "$tensorplug" "${arguments[@]}" || failed+=("$device")
    "$tensorplug" conformance verify "$made/report.json" || failed+=("the report of $device")
    mkdir -p "$kept"
    gzip --best --no-name --stdout "$made/report.json" >"$kept/report.json.gz"
    cp "$made/report.md" "$made/badge.txt" "$kept/"
    (($(stat --format %s "$made/report.html") < 1000000)) && cp "$made/report.html" "$kept/"
done
if ((${#failed[@]})); then
    echo "not right: ${failed[*]}"
    exit 1
fi
