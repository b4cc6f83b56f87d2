# shellcheck shell=sh disable=SC2154
# What git archive makes of $dest at $at, beside what is in $archive.
# vars: dest, executable, archive, archive_prefix, format (tar or zip), packer (of the tar, or empty)
at=HEAD
[ -z "$bare" ] || at=$version
fresh() { "${executable:-git}" -c safe.directory='*' -C "$dest" archive --format="$format" --prefix="$archive_prefix" "$at"; }
stored() { if [ "$packer" ]; then "$packer" -dc; else cat; fi <"$archive"; }
# Modes, sizes and names, without times.
tar_names() { LC_ALL=C tar -tvf - | sed -E 's/ [0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]+ / /'; }
zip_contents() {
  if command -v python3 >/dev/null; then
    python3 -c '
import hashlib, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    for entry in archive.infolist():
        print(entry.external_attr, hashlib.sha256(archive.read(entry)).hexdigest(), ascii(entry.filename))
' "$1"
  else
    LC_ALL=C unzip -Z "$1" | sed -nE 's/^([-dl?][^ ]+) +[^ ]+ +[^ ]+ +([0-9]+) +[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ (.*)/\1 \2 \3/p'
    unzip -p "$1" | sha256sum
  fi
}
# Whether $archive holds what git archive would make now. Times do not count: another commit may have the same files.
same() {
  [ -s "$archive" ] && stored >/dev/null || return 1
  sum=$(stored | sha256sum)
  [ "$sum" != "$(fresh | sha256sum)" ] || return 0
  if [ "$format" = tar ]; then
    names=$(stored | tar_names)
    [ "$names" ] && [ "$names" = "$(fresh | tar_names)" ] || return 1
    [ "$(stored | tar -xOf - | sha256sum)" = "$(fresh | tar -xOf - | sha256sum)" ]
    return
  fi
  scratch=$(mktemp "${TMPDIR:-/tmp}/.fitout-XXXXXX") || return 1
  fresh >"$scratch"
  contents=$(zip_contents "$archive") && [ "$contents" = "$(zip_contents "$scratch")" ]
  set -- $?
  rm -f "$scratch"
  return "$1"
}
