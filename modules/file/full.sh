# shellcheck shell=sh
# Which of the folders "$@" have something in them.
for path in "$@"; do
  place path
  if [ -L "$path" ] || [ ! -d "$path" ]; then continue; fi
  for one in "$path"/* "$path"/.[!.]* "$path"/..?*; do
    if [ -e "$one" ] || [ -L "$one" ]; then
      emit '' full 1
      break
    fi
  done
done
:
