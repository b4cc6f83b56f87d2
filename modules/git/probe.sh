# shellcheck shell=sh disable=SC2154
# The checkout at $dest and what the remote has under $version.
if ! command -v "${executable:-git}" >/dev/null 2>&1; then
  emit '' tool absent
  exit 0
fi
git_() { GIT_TERMINAL_PROMPT=0 GIT_SSH_COMMAND=$ssh "${executable:-git}" "$@"; }
dir=$dest/.git
[ -z "$bare" ] || dir=$dest
if [ -z "$dest" ]; then
  : # only what the remote has is asked for
elif [ -e "$dir/HEAD" ] || [ -f "$dir" ]; then
  emit '' there 1
  emit '' before "$(git_ -c safe.directory='*' -C "$dest" rev-parse --verify -q "$at^{commit}")"
  emit '' git_dir "$(git_ -c safe.directory='*' -C "$dest" rev-parse --absolute-git-dir)"
  emit '' url "$(git_ -c safe.directory='*' -C "$dest" config --get "remote.$remote.url")"
  if [ -z "$bare" ]; then emit '' dirty "$(git_ -c safe.directory='*' -C "$dest" status --porcelain -uno 2>/dev/null | head -n 5)"; fi
  case $version in
    *[!0-9a-f]* | '') ;;
    *) emit '' commit "$(git_ -c safe.directory='*' -C "$dest" rev-parse --verify -q "$version^{commit}")" ;;
  esac
elif [ -d "$dest" ] && [ "$(ls -A -- "$dest")" ]; then
  emit '' occupied 1
fi
if [ "$ask" ]; then
  if refs=$(git_ ls-remote -- "$repo" HEAD "$version" "refs/heads/$version" "refs/tags/$version" "refs/tags/$version^{}" 2>&1); then
    emit '' refs "$refs"
  else
    emit '' error "$refs"
  fi
fi
if [ "$archive" ]; then
  # The xz of busybox only unpacks.
  if [ "$packer" ] && ! "$packer" -c </dev/null >/dev/null 2>&1; then
    emit '' archive no-packer
  elif [ -d "$archive" ]; then
    emit '' archive folder
  elif [ ! -e "$archive" ]; then
    emit '' archive absent
  elif same 2>/dev/null; then
    emit '' archive same
  else
    emit '' archive differs
  fi
fi
:
