#!/bin/sh
set -e

# Options and configuration files alone are meant for the server.
if [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then
	set -- redis-server "$@"
fi

CMD=$(realpath $(command -v "$1") 2>/dev/null || :)
IS_SERVER=
if [ "$1" = redis-server ] || [ "$CMD" = "$(command -v redis-server)" ]; then
	IS_SERVER=1
fi

if [ "$(id -u)" = '0' ] && [ "$IS_SERVER" ]; then
	find . \! -user redis -exec chown redis '{}' +
	has_cap() {
		grep -q "$1" /proc/1/status
	}
	CAPS=
	for cap in chown setgid setuid; do
		if has_cap "$cap"; then
			CAPS="$CAPS,+$cap"
		fi
	done
	if [ -n "$CAPS" ]; then
		exec setpriv --reuid redis --regid redis --clear-groups --nnp --inh-caps="$CAPS" "$0" "$@"
	else
		exec setpriv --reuid=redis --regid=redis --clear-groups "$0" "$@"
	fi
fi

um="$(umask)"
if [ "$um" = '0022' ]; then
	umask 0077
fi

if [ "$IS_SERVER" ] && ! redis-cli -v >/dev/null 2>&1; then
	echo >&2 "the client is missing"
fi

for module in /usr/lib/redis/modules/*.so; do
	[ -e "$module" ] || continue
	[ -x "$module" ] || chmod +x "$module"
	set -- "$@" --loadmodule "$module"
done

exec "$@"
