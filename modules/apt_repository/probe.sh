# shellcheck shell=sh disable=SC2154
# All one-line sources; $file is emitted too where it is missing.
for item in /etc/apt/sources.list /etc/apt/sources.list.d/*.list "$file"; do
  [ -f "$item" ] || continue
  emit "$item" exists 1
  emit "$item" stat "$(stat -L -c '%a %U %G' -- "$item" 2>/dev/null)"
  content=$(cat -- "$item" && printf x)
  emit "$item" content "${content%x}"
done
