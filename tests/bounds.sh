#!/usr/bin/env bash
# The bounds of pyproject.toml are true: with the lowest versions that they admit, and with the newest, a small grid
# runs through Snakemake, the tests of what leans most on other packages pass, and Snakemake reads the Slurm profile.
#
#   tests/bounds.sh [lowest-direct] [highest]     # needs uv, which keeps what it downloads in its cache
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD
venv=$repository/.venv-bounds
grid=$(mktemp -d)
trap 'rm -rf "$venv" "$grid"' EXIT
[ $# -gt 0 ] || set -- lowest-direct highest

TESTS=(commands/grid grid/bundles grid/config grid/manifest images/animation images/color images/faces images/reading images/refused
  images/writing io/fetching networks/networks settings/settings summaries/gallery summaries/plots summaries/records
  summaries/sheets summaries/tables weights)
for i in "${!TESTS[@]}"; do TESTS[i]=tests/unit/$(dirname "${TESTS[i]}")/test_$(basename "${TESTS[i]}").py; done

install() { # RESOLUTION EXTRAS
  uv pip install --quiet --python "$venv" --resolution "$1" --editable ".[$2]"
}

paint_grid() { # with the profile that Snakemake reads by itself
  rm -rf "$grid" && mkdir -p "$grid/config"
  cat >"$grid/config/config.yaml" <<END
manifest: manifest.csv
video: mp4
settings: {network: lite, size: 64, iterations: 3, frame_interval: 2}
END
  cat >"$grid/manifest.csv" <<END
content,style,style_weight
$repository/data/content/lake.jpg,$repository/data/style/wave.jpg,1|5
END
  (cd "$grid" && snakemake --snakefile "$repository/Snakefile" --cores 2 --quiet all)
  test -s "$grid/results/gallery/index.html"
}

for resolution; do
  echo "== $resolution"
  uv venv --quiet --clear --python "$(command -v python3)" "$venv"
  install "$resolution" test
  (
    export PATH=$venv/bin:$PATH
    paint_grid
    pytest --numprocesses auto --maxprocesses 4 --dist worksteal "${TESTS[@]}"
    install "$resolution" test,slurm # by itself, for the plugin asks for newer packages than nst does
    snakemake --workflow-profile profiles/slurm --config results="$grid/slurm" --dry-run --quiet all >/dev/null
  )
done
