# shellcheck disable=SC2154 # variables come with the job
# shellcheck disable=SC2016,SC2089,SC2090,SC2156 # `tell` is a script, run by the shells that find starts
# Reports mode, owner and group of all below "$1", for recurse; with targets, of what the links there lead to instead, and
# of all below that.
# vars: targets
root=$1
place root
[ -d "$root" ] || exit 0
case $root in ?*/) root=${root%"${root##*[!/]}"} root=${root:-/} ;; esac
nl='
'
format="%f$nl%u$nl%g$nl%s$nl%Y$nl%X$nl%Z$nl%i$nl%d$nl%h$nl%U$nl%G"
tell='
  format=$0
  for path do
    fields=$(stat $follow -c "$format" -- "$path") || continue
    printf "%s\0stat\0%s\0" "$path" "$fields"
  done'
follow=
export follow tell format
if [ -z "$targets" ]; then
  find -H "$root" -mindepth 1 -exec sh -c "$tell" "$format" {} +
  exit
fi
# A link in what a link leads to is followed as well; one that leads nowhere stays a link then.
follow=-L each={}
export each
find -H "$root" -mindepth 1 -type l -exec sh -c '
  for link do
    target=$(readlink -f -- "$link" && printf x) || continue
    target=${target%"
"x}
    [ ! -e "$target" ] || find -L "$target" ! -type l -exec sh -c "$tell" "$format" "$each" +
  done' sh {} +
exit 0
