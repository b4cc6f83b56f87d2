# shellcheck shell=sh disable=SC2154
[ -e "$path" ] || {
  printf '%s does not exist\n' "$path" >&2
  exit 1
}
said=$(getcap -- "$path") || exit 1
# Old versions write `path = caps`.
said=${said#"$path"}
said=${said# =}
said=${said# }
emit '' capabilities "$said"
name=${capability%%[=+-]*}
flags=${capability#"$name"}
flags=${flags#?}
is=absent
for clause in $said; do
  has=${clause#*[=+]}
  case ,${clause%%[=+]*}, in
    *",$name,"*)
      is=present
      [ "$state" = absent ] || [ "$has" = "$flags" ] || is=other
      ;;
  esac
done
emit '' state "$is"
