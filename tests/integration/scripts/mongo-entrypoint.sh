#!/bin/bash
set -Eeuo pipefail

if [ "${1:0:1}" = '-' ]; then
	set -- mongod "$@"
fi

original="${1:-}"

if [[ "$original" == mongo* ]] && [ "$(id -u)" = '0' ]; then
	if [ "$original" = 'mongod' ]; then
		find /data/configdb /data/db \! -user mongodb -exec chown mongodb '{}' +
	fi
	chown --dereference mongodb "/proc/$$/fd/1" "/proc/$$/fd/2" || :
	exec gosu mongodb "$BASH_SOURCE" "$@"
fi

if [[ "$original" == mongo* ]]; then
	numa='numactl --interleave=all'
	if $numa true &>/dev/null; then
		set -- $numa "$@"
	fi
fi

has_argument() {
	local wanted="$1"
	shift
	local arg
	for arg; do
		case "$arg" in
		"$wanted" | "$wanted"=*) return 0 ;;
		esac
	done
	return 1
}

json_config() {
	if has_argument --config "$@"; then
		mongosh --norc --nodb --quiet --eval 'print(1)' >"${TMPDIR:-/tmp}/config.json" || return 1
		jq 'del(.systemLog, .processManagement, .net, .security)' <"${TMPDIR:-/tmp}/config.json"
	fi
}

db_path() {
	if has_argument --dbpath "$@"; then
		echo /data/custom
		return
	fi
	local path
	path="$(json_config "$@" | jq -r '.storage.dbPath // empty')" || path=
	: "${path:=/data/db}"
	echo "$path"
}

if [ "$original" = 'mongod' ]; then
	there=
	dbPath="$(db_path "$@")"
	for path in "$dbPath/WiredTiger" "$dbPath/journal" "$dbPath/local.0"; do
		if [ -e "$path" ]; then
			there="$path"
			break
		fi
	done
	if [ -z "$there" ] && { [ "${MONGO_INITDB_ROOT_USERNAME:-}" ] || [ -d /docker-entrypoint-initdb.d ]; }; then
		pidfile="$(mktemp)"
		trap "rm -f '$pidfile'" EXIT
		mongod --bind_ip 127.0.0.1 --fork --pidfilepath "$pidfile" --logpath "/proc/$$/fd/1" || :
		mongo=(mongosh --host 127.0.0.1 --port 27017 --quiet)
		tries=3
		while true; do
			if "${mongo[@]}" 'admin' --eval 'quit(0)' &>/dev/null; then
				break
			fi
			(( tries-- ))
			if [ "$tries" -le 0 ]; then
				echo >&2 "error: the server does not answer"
				break
			fi
			sleep 1
		done
		if [ "${MONGO_INITDB_ROOT_USERNAME:-}" ]; then
			"${mongo[@]}" admin <<-EOJS
				db.createUser({ user: $(printf '%s' "$MONGO_INITDB_ROOT_USERNAME" | jq -Rs .), roles: [] })
			EOJS
		fi
		for f in /docker-entrypoint-initdb.d/*; do
			case "$f" in
			*.sh) echo "$0: running $f"; . "$f" ;;
			*.js) "${mongo[@]}" "${MONGO_INITDB_DATABASE:-test}" "$f" ;;
			*) echo "$0: leaving out $f" ;;
			esac
		done
		mongod --pidfilepath="$pidfile" --shutdown || :
		rm -f "$pidfile"
		trap - EXIT
	fi
	unset "${!MONGO_INITDB_@}"
fi

exec "$@"
