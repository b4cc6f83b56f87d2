# shellcheck shell=sh disable=SC2154
# What ufw's files say of state, defaults and logging, and what it would do for the rule "$@".
command -v ufw >/dev/null 2>&1 || { emit '' tool absent; exit 0; }
while IFS='=' read -r key value; do
  value=${value#[\"\']}
  case $key in
    ENABLED | LOGLEVEL | DEFAULT_INPUT_POLICY | DEFAULT_OUTPUT_POLICY | DEFAULT_FORWARD_POLICY)
      emit '' "$key" "${value%[\"\']}"
      ;;
  esac
done <<END
$(cat /etc/ufw/ufw.conf /etc/default/ufw)
END
if grep -qs '^### tuple ###' /etc/ufw/user.rules /etc/ufw/user6.rules; then emit '' rules 1; fi
if [ $# != 0 ]; then
  if said=$(LC_ALL=C ufw --dry-run "$@" 2>&1); then emit '' dry "$said"; else emit '' error "$said"; fi
fi
:
