# shellcheck shell=sh disable=SC2154
# Calls systemctl in $scope: system, user or global. The head of both other scripts.
systemctl_() {
  case $scope in
    user)
      XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}
      export XDG_RUNTIME_DIR
      systemctl --user "$@"
      ;;
    global) systemctl --global "$@" ;;
    *) systemctl "$@" ;;
  esac
}
