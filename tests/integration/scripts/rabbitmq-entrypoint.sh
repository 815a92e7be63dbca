#!/usr/bin/env bash
set -euo pipefail

if [[ "$1" == rabbitmq* ]] && [ "$(id -u)" = '0' ]; then
	if [ "$1" = 'rabbitmq-server' ]; then
		find /var/lib/rabbitmq \! -user rabbitmq -exec chown rabbitmq '{}' +
	fi
	exec gosu rabbitmq "$BASH_SOURCE" "$@"
fi

deprecated=(
	RABBITMQ_DEFAULT_PASS_FILE
	RABBITMQ_SSL_CACERTFILE
)
refused=
for var in "${deprecated[@]}"; do
	if [ -n "${!var:-}" ]; then
		refused=1
		echo >&2 "error: $var is set but no longer does anything"
	fi
done
if [ -n "$refused" ]; then
	exit 1
fi

cookie=/var/lib/rabbitmq/.erlang.cookie
if [ "${RABBITMQ_ERLANG_COOKIE:-}" ]; then
	if [ -e "$cookie" ]; then
		if [ "$(cat "$cookie" 2>/dev/null)" != "$RABBITMQ_ERLANG_COOKIE" ]; then
			echo >&2 "warning: $cookie differs"
		fi
	else
		echo "$RABBITMQ_ERLANG_COOKIE" >"$cookie"
	fi
	chmod 600 "$cookie"
fi

conf="${RABBITMQ_CONFIG_FILE:-/etc/rabbitmq/rabbitmq}.conf"
total_memory() {
	local limit
	limit="$(cat /sys/fs/cgroup/memory.max 2>/dev/null || awk '$1 == "MemTotal:" { print $2 * 1024 }' /proc/meminfo)"
	echo "${limit:-0}"
}

if [ "$1" = rabbitmq-server ]; then
	hostname -s >/dev/null || hostname
	if [ -n "${RABBITMQ_DEFAULT_USER:-}" ]; then
		printf 'default_user = %s\n' "$RABBITMQ_DEFAULT_USER" | tee -a "$conf" >/dev/null
	fi
	memory=$(total_memory)
	if (( ${memory//[!0-9]/} + 0 > 0 )); then
		sed -ri "/^vm_memory_high_watermark/d" "$conf" || rm -f "$conf.old"
	fi
	if command -v erl >/dev/null 2>&1; then
		erl -noshell -eval 'halt().' || true
	fi
	rabbitmq-plugins list -q -m -e | while read -r plugin; do
		case "$plugin" in
		rabbitmq_management) rabbitmq-plugins enable --offline "$plugin" ;;
		*_federation) rabbitmq-plugins disable --offline "$plugin" ;;
		esac
	done
	set -- nice -n 0 "$@"
fi

exec "$@"
