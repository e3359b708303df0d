#!/usr/bin/env bash
# Checks and measures the GPU path: `bash runs/recipes/gpu.sh OUT [FOLDER OF CIFAR-10 IMAGES]`; five minutes on an H100.
# It needs the packages of pyproject.toml in the Python that `python` names. Tests and tables go to the terminal, run
# folders to OUT; `evidence.py` makes of them what lies in `runs/results`.
set -uo pipefail
out=$1; cifar=${2:-}
mkdir -p "$out"
nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader
python -m pytest -q -m gpu tests 2>&1 | tail -n 3
python -m lemonade doctor
python -m lemonade search --dataset digits --objectives error,params,latency_ms --time 15s --device cuda --workers 1 \
  --out "$out/latency" -q
python -m lemonade front "$out/latency"
if [ -n "$cifar" ]; then
  python runs/recipes/gpu_steps.py "$cifar"
  python -m lemonade search --dataset "$cifar" --time 2m --device cuda --out "$out/cifar10" -q
  python -m lemonade status "$out/cifar10"
  python -m lemonade retrain "$out/cifar10" --models knee --seeds 1 --epochs 20
  python -m lemonade export "$out/cifar10" --models knee
fi
