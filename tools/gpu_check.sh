#!/usr/bin/env bash
# Everything that needs a GPU, in one command: tests of the whole op table, then measurements against PyTorch.
#
#   tools/gpu_check.sh [--device N] [--quick] [--offline]
#
# It builds the project in a virtual environment ($VENV, .venv-gpu by default), installs CuPy with CUDA's
# libraries, a CUDA build of PyTorch and the optional providers (nvmath-python, nvidia-cudnn-frontend), runs
# tests/backends/cuda on cuda:N, and writes benchmarks/results/gpu_NAME.json. --offline installs nothing and
# takes $VENV as it is; --quick measures fewer and smaller cases. The exit status is 0 if all passed and every
# limit held.
set -uo pipefail
cd "$(dirname "$0")/.."

device=0 quick=() offline=
while (($#)); do
    case "$1" in
        --device) device="${2:?--device takes a number}"; shift ;;
        --quick) quick=(--quick) ;;
        --offline) offline=1 ;;
        -h | --help) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) echo "gpu_check: unknown option $1; see --help" >&2; exit 2 ;;
    esac
    shift
done

VENV="${VENV:-.venv-gpu}"
python="$VENV/bin/python"
failed=()

stop() { # stop MESSAGE...: a prerequisite is missing
    printf 'gpu_check: %s\n' "$@" >&2
    exit 2
}

step() { # step NAME COMMAND...: run it, note a failure and go on
    local name="$1" start=$SECONDS
    shift
    echo "== $name: $*"
    if "$@"; then
        echo "== $name passed in $((SECONDS - start)) s"
    else
        echo "== $name FAILED after $((SECONDS - start)) s"
        failed+=("$name")
    fi
}

# -- prerequisites

command -v nvidia-smi >/dev/null ||
    stop "nvidia-smi is not on the path, so there is no NVIDIA driver here." \
        "Install one (525 or newer, for CUDA 12), or run this on a machine that has it."
nvidia-smi --query-gpu=name,driver_version,memory.total,compute_cap --format=csv,noheader ||
    stop "nvidia-smi fails, so the driver does not work; the lines above are its own."
count="$(nvidia-smi --list-gpus | wc -l)"
((device < count)) || stop "there is no GPU $device: nvidia-smi lists $count, numbered from 0."
command -v "${CC:-cc}" >/dev/null || stop "no C compiler was found; install gcc or clang, or point CC at one."

if [[ -z "$offline" ]]; then
    base="${PYTHON:-$(command -v python3.13 || command -v python3.12 || command -v python3.11 || command -v python3)}"
    [[ -n "$base" ]] || stop "no Python was found; install Python 3.11 or newer, or name one with PYTHON=..."
    "$base" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        stop "$base is older than Python 3.11; name a newer one with PYTHON=..."
    [[ -x "$python" ]] || "$base" -m venv "$VENV" || stop "$base could not make $VENV; is its venv module installed?"
    pip=("$python" -m pip --disable-pip-version-check install --quiet)
    "${pip[@]}" "cython>=3.1" "editables>=0.5" "hatchling>=1.26" ||
        stop "pip could not install the build tools; without a network prepare $VENV and use --offline."
    "${pip[@]}" --no-build-isolation --editable '.[cuda,test,demo]' || stop "tensorplug could not be built."
    "${pip[@]}" torch || stop "PyTorch could not be installed; the measurements compare with it."
    "${pip[@]}" nvidia-cudnn-frontend nvidia-cudnn-cu12 nvmath-python ||
        echo "gpu_check: the optional providers could not be installed; cuBLAS and generated kernels serve alone."
else
    [[ -x "$python" ]] || stop "--offline takes $VENV as it is, and there is no $python; set VENV."
    "$python" hatch_build.py || stop "tensorplug could not be built."
fi

"$python" - "$device" <<'CHECK' || exit 2
import sys

import tensorplug as tp
from tensorplug_dispatcher.errors import TensorplugError

try:
    device = tp.device("cuda", int(sys.argv[1]))
    print(f"{device}: {tp.cuda.get_device_name(device)}, compute capability {tp.cuda.get_device_capability(device)}")
    print(tp.devices.health(device))
    for op in ("matmul", "linear", "conv", "scaled_dot_product_attention"):
        print(tp.devices.explain(op, device, "float16"))
except TensorplugError as error:
    sys.exit(f"gpu_check: {error}")
CHECK

# -- the work

export TENSORPLUG_TEST_DEVICE="cuda:$device"
step tests "$python" -m pytest tests/backends/cuda -q -m "not slow"
step streams "$python" -m pytest tests/frontend/test_streams.py -q
step conformance "$VENV/bin/tensorplug" conformance run "cuda:$device" --depth smoke --report out/gpu
step demo "$VENV/bin/tensorplug" demo --epochs 3 --device "cuda:$device"
"$python" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null ||
    stop "PyTorch finds no GPU here, so that nothing can be compared; install one of its CUDA builds."
step benchmark "$python" benchmarks/gpu.py --device "$device" "${quick[@]}"

if ((${#failed[@]})); then
    echo "== FAILED: ${failed[*]}"
    exit 1
fi
echo "== all passed"
