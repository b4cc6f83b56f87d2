# shellcheck shell=sh disable=SC2154
# a2query: 0 enabled, 1 not there, 32 disabled, 33 disabled by the administrator.
a2query -q -m "$name"
case $? in
  0) emit '' state present ;;
  *) emit '' state absent ;;
esac
