# shellcheck shell=sh
for item in "$@"; do
  if [ -f "$item" ]; then emit "$item" text "$(cat -- "$item")"; else emit "$item" text ""; fi
done
