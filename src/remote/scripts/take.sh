# shellcheck shell=sh disable=SC2034 # whoever looks at much at once reads what these set
# Taking apart what one process tells of many.
nl='
'
# The first letter of a variable is taken off: into mark.
take_mark() { # VARIABLE
  eval "mark=\${$1%\"\${$1#?}\"} $1=\${$1#?}"
}

# The first line of a variable is taken off: into line; empty where the variable is.
take_line() { # VARIABLE
  eval "line=\${$1%%\"\$nl\"*}
    case \$$1 in *\"\$nl\"*) $1=\${$1#*\"\$nl\"} ;; esac"
}

