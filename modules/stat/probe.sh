# shellcheck disable=SC2154 # variables come with the job
# Reports one path.
# vars: path, follow, sum (algorithm), mime, attributes
place path
emit '' path "$path"
nl='
'
if [ ! -e "$path" ]; then
  if [ "$follow" ] || [ ! -L "$path" ]; then
    emit '' exists ''
    exit 0
  fi
fi
emit '' exists 1
format="%f$nl%u$nl%g$nl%s$nl%Y$nl%X$nl%Z$nl%i$nl%d$nl%h$nl%U$nl%G$nl%b$nl%o$nl%t$nl%T"
fields=$(stat ${follow:+-L} -c "$format" -- "$path") || exit 1
emit '' fields "$fields"
# Fractions of the times, where this stat has them.
times=$(stat ${follow:+-L} -c "%.Y$nl%.X$nl%.Z" -- "$path" 2>/dev/null) && emit '' times "$times"
[ ! -r "$path" ] || emit '' readable 1
[ ! -w "$path" ] || emit '' writeable 1
[ ! -x "$path" ] || emit '' executable 1
if [ -L "$path" ] && [ -z "$follow" ]; then
  target=$(readlink "$path" && printf x)
  emit '' lnk_target "${target%"$nl"x}"
  source=$(readlink -f "$path" && printf x) && emit '' lnk_source "${source%"$nl"x}"
elif [ -f "$path" ] && [ -r "$path" ] && [ "$sum" ]; then
  if command -v "${sum}sum" >/dev/null 2>&1; then
    value=$("${sum}sum" <"$path") && emit '' checksum "${value%% *}"
  elif value=$(openssl dgst "-$sum" <"$path" 2>/dev/null); then
    emit '' checksum "${value##* }"
  fi
fi
if [ "$mime" ] && command -v file >/dev/null 2>&1; then
  emit '' mime "$(file -b --mime-type --mime-encoding ${follow:+-L} -- "$path" 2>/dev/null)"
fi
if [ "$attributes" ] && command -v lsattr >/dev/null 2>&1; then
  if value=$(lsattr -vd -- "$path" 2>/dev/null); then emit '' lsattr "$value"; fi
fi
if [ "$selinux" ]; then
  value=$(stat ${follow:+-L} -c %C -- "$path" 2>/dev/null) && emit '' selinux_context "$value"
fi
exit 0
