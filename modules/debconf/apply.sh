# shellcheck shell=sh disable=SC2154
debconf-set-selections ${unseen:+-u}
