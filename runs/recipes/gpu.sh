#!/usr/bin/env bash
# Checks and measures the GPU path, and prints a short table last: `bash runs/recipes/gpu.sh OUT [FOLDER OF CIFAR-10 IMAGES]`.
# It needs the packages of pyproject.toml in the Python that `python` names, and takes about eight minutes.
set -uo pipefail
out=$1; cifar=${2:-}
mkdir -p "$out"
nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader | tee "$out/card.txt"
python -m pytest -q -m gpu tests 2>&1 | tail -n 3 | tee "$out/tests.txt"
python -m lemonade doctor | tee "$out/doctor.txt"
for device in cuda cpu; do
  python -m lemonade search --dataset digits --time 60s --device "$device" --out "$out/digits-$device" -q
done
if [ -n "$cifar" ]; then
  python -m lemonade search runs/recipes/cifar10.yaml --dataset "$cifar" --time 4m --device cuda --out "$out/cifar10-cuda" -q
fi
for run in "$out"/digits-cuda "$out"/digits-cpu "$out"/cifar10-cuda; do
  [ -d "$run" ] && python -m lemonade status "$run" | sed -n '1p;/used/p;/front/p;/best/p'
done
