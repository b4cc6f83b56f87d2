# shellcheck shell=sh
# Puts users "$@" into the group docker.
for user in "$@"; do
  usermod -aG docker -- "$user" || exit 1
done
