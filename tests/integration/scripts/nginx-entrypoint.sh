#!/bin/sh
set -e

tell() {
    if [ -z "${NGINX_ENTRYPOINT_QUIET_LOGS:-}" ]; then
        echo "$@"
    fi
}

if [ "$1" = "nginx" ] || [ "$1" = "nginx-debug" ]; then
    if /usr/bin/find "/docker-entrypoint.d/" -mindepth 1 -maxdepth 1 -type f -print -quit 2>/dev/null | read v; then
        tell "$0: looking for scripts"
        find "/docker-entrypoint.d/" -follow -type f -print | sort -V | while read -r f; do
            case "$f" in
                *.envsh)
                    if [ -x "$f" ]; then
                        tell "$0: sourcing $f"
                        . "$f"
                    fi
                    ;;
                *.sh)
                    if [ -x "$f" ]; then
                        tell "$0: running $f"
                        "$f"
                    else
                        tell "$0: not executable: $f"
                    fi
                    ;;
                *) tell "$0: leaving out $f" ;;
            esac
        done
    fi
fi

template_dir="${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}"
output_dir="${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}"
suffix="${NGINX_ENVSUBST_TEMPLATE_SUFFIX:-.template}"
substitute() {
    defined=$(printf '${%s} ' $(awk "END { for (name in ENVIRON) { print name } }" </dev/null))
    [ -d "$template_dir" ] || return 0
    if [ ! -w "$output_dir" ]; then
        tell "$output_dir is not writable"
        return 0
    fi
    find "$template_dir" -follow -type f -name "*$suffix" -print | while read -r template; do
        relative="${template#"$template_dir/"}"
        output="$output_dir/${relative%"$suffix"}"
        mkdir -p "$(dirname "$output")"
        envsubst "$defined" <"$template" >"$output"
    done
}
substitute

if [ "$(uname -m)" = x86_64 ]; then
    workers=$(getconf _NPROCESSORS_ONLN || nproc)
    sed -i -e "s/worker_processes.*/worker_processes ${workers};/" /etc/nginx/nginx.conf || true
fi
if ! touch /etc/nginx/conf.d/default.conf 2>/dev/null; then
    tell "cannot write"
fi
nginx -t -q || { cat /etc/nginx/nginx.conf >&2; exit 1; }

exec "$@"
