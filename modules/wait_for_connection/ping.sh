# shellcheck shell=sh
:
