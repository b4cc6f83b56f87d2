# shellcheck shell=sh disable=SC2154
# What the folders FOLDER (modules-load.d, modprobe.d) have for the next boot: all files, and in full those of which a
# line fits the pattern. One look at all of them, as every start of a program costs.
boot_modules() { # PATTERN FOLDER…
  bm_pattern=$1
  shift
  bm_n=$#
  for bm_one in "$@"; do
    set -- "$@" "/etc/$bm_one"/*.conf "/run/$bm_one"/*.conf "/usr/local/lib/$bm_one"/*.conf "/usr/lib/$bm_one"/*.conf
    [ -L /lib ] || set -- "$@" "/lib/$bm_one"/*.conf
    # Read by itself where there is no systemd; else only by a link.
    if [ "$bm_one" = modules-load.d ] && ! [ -e /usr/lib/systemd/systemd-modules-load ] &&
      ! [ -e /lib/systemd/systemd-modules-load ]; then
      set -- "$@" /etc/modules
    fi
  done
  shift "$bm_n"
  # Patterns of the shell that fit nothing go. A link to /dev/null stays: it hides the files of its name.
  for bm_one in "$@"; do
    shift
    [ ! -e "$bm_one" ] || set -- "$@" "$bm_one"
  done
  [ $# -gt 0 ] || return 0
  bm_files=
  for bm_one in "$@"; do
    bm_files="$bm_files$bm_one
"
  done
  emit modules files "$bm_files"
  bm_fit=$(grep -lsE -e "$bm_pattern" -- "$@") || return 0
  for bm_one in "$@"; do
    case "
$bm_fit
" in
      *"
$bm_one
"*)
        emit "$bm_one" exists 1
        if text_of "$bm_one"; then emit "$bm_one" content "$content"; fi
        ;;
    esac
  done
}
