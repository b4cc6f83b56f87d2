#!/bin/sh
# How long a bake takes beside the same work by hand (mmdebstrap, the provisioning's commands, writing the image), in turns.
# usage: run.sh [--runs N]      the median of each and their ratio; FITOUT names another program than a release build
set -eu
cd "$(dirname "$0")/../.."
runs=3
[ "${1:-}" != --runs ] || runs=$2
folder=$(mktemp -d)
trap 'umount "$folder"/*/root/dev "$folder"/*/root/proc 2>/dev/null; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP

fitout=${FITOUT:-$(scripts/program.sh --release)}
seconds() {
	began=$(date +%s.%N)
	"$@" >"$folder/log" 2>&1 || {
		tail -n 20 "$folder/log" >&2
		exit 1
	}
	date +%s.%N | awk -v began="$began" '{ printf "%.1f\n", $1 - began }'
}
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { printf "%.1f", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# One after the other, and the first is not always the same: what one leaves in caches serves both.
run=0
while [ "$run" -lt "$runs" ]; do
	run=$((run + 1))
	order='hand bake'
	[ $((run % 2)) = 0 ] || order='bake hand'
	for what in $order; do
		mkdir "$folder/work"
		case $what in
		hand) time=$(seconds sh benches/bake/by_hand.sh "$folder/work") ;;
		bake)
			time=$(seconds "$fitout" bake playbooks/node_image.yml --force --out "$folder/work" \
				-e '{"image_verify": false}')
			;;
		esac
		echo "$time" >>"$folder/$what"
		echo "bench: run $run: $what $time s" >&2
		rm -rf "$folder/work"
	done
done
hand=$(median "$folder/hand") bake=$(median "$folder/bake")
ratio=$(awk -v a="$bake" -v b="$hand" 'BEGIN { printf "%.2f", a / b }')
printf '| node image, medians of %s | s | x by hand |\n| --- | ---: | ---: |\n' "$runs"
printf '| by hand | %s | 1.00 |\n| fitout bake | %s | %s |\n' "$hand" "$bake" "$ratio"
awk -v r="$ratio" 'BEGIN { exit r > 1.1 }' || {
	echo 'bench: a bake takes more than 1.1 times as long as by hand' >&2
	exit 1
}
