# shellcheck shell=sh disable=SC2154,SC2086,SC2015
# Clones or fetches, then checks $version out.
[ -z "$umask" ] || umask "$umask"
git_raw() { GIT_TERMINAL_PROMPT=0 GIT_SSH_COMMAND=$ssh "${executable:-git}" -c safe.directory='*' -c advice.detachedHead=false "$@" </dev/null; }
git_() { git_raw "$@" >&2; }
here() { git_ -C "$dest" "$@"; }
fetch() {
  here fetch -q ${depth:+--depth "$depth"} ${force:+--force} --tags -- "$remote" $refspec \
    "+refs/heads/*:refs/remotes/$remote/*" || return
  case $version in
    refs/*) here fetch -q ${depth:+--depth "$depth"} -- "$remote" "$version" ;;
    *) here rev-parse -q --verify "$version^{commit}" >/dev/null 2>&1 || here rev-parse -q --verify "$remote/$version" >/dev/null 2>&1 \
        || here fetch -q ${depth:+--depth "$depth"} -- "$remote" "$version" ;;
  esac
}
if [ "$bare" ]; then
  if [ "$clone" ]; then
    git_ clone -q --bare ${reference:+--reference "$reference"} -- "$repo" "$dest" || exit
    [ -z "$refspec" ] || here fetch -q ${force:+--force} -- "$repo" $refspec || exit
  else
    here fetch -q ${force:+--force} --tags -- "$repo" "+refs/heads/*:refs/heads/*" || exit
  fi
  exit 0
fi
if [ "$clone" ]; then
  parent=${dest%/*}
  [ -z "$parent" ] || mkdir -p -- "$parent" || exit
  branch=
  case $kind in branch | tag) branch=$version ;; esac
  git_ clone -q -o "$remote" ${separate:+--separate-git-dir="$separate"} ${depth:+--depth "$depth"} ${single_branch:+--single-branch} ${reference:+--reference "$reference"} \
    ${branch:+-b "$branch"} -- "$repo" "$dest" || exit
  if [ "$kind" = commit ] || [ "$refspec" ]; then fetch || exit; fi
else
  [ -z "$separate" ] || here init -q --separate-git-dir="$separate" || exit
  here config "remote.$remote.url" "$repo" && fetch || exit
fi
case $kind in
  branch)
    here checkout -q ${force:+-f} -B "$version" "$remote/$version" -- && here branch -q -u "$remote/$version" "$version"
    ;;
  head)
    [ "$clone" ] || { here remote set-head "$remote" -a && here reset -q --hard "refs/remotes/$remote/HEAD"; }
    ;;
  *) if [ "$target" ]; then here checkout -q ${force:+-f} "$target" --; else here checkout -q ${force:+-f} "$version" --; fi ;;
esac || exit
# Succeeds when the signature of $2 is good and, where fingerprints are $allowed, of one of them.
signed() { # KIND NAME
  said=$(git_raw -C "$dest" "$1" --raw "$2" 2>&1) || { printf '%s\n' "$said" >&2; return 1; }
  [ "$allowed" ] || return 0
  for print in $allowed; do
    case $said in *" VALIDSIG $print"*) return 0 ;; esac
  done
  echo "$2 is signed by a key that gpg_allowlist does not have" >&2
  return 1
}
if [ "$verify_commit" ]; then signed verify-commit HEAD || signed verify-tag "$version" || exit; fi
if [ "$recursive" ] && [ -e "$dest/.gitmodules" ]; then
  here submodule sync -q && here submodule update -q --init --recursive ${track:+--remote} ${force:+--force} || exit
fi
:
