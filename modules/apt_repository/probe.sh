# shellcheck shell=sh disable=SC2154
# All one-line sources; $file is emitted too where it is missing.
for item in /etc/apt/sources.list /etc/apt/sources.list.d/*.list "$file"; do
  [ -f "$item" ] || continue
  emit "$item" exists 1
  if text_of "$item"; then emit "$item" content "$content"; fi
done
