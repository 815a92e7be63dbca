#!/bin/bash
# Starts a MySQL server; fills its data directory on the first start.
set -eo pipefail
shopt -s nullglob

say() {
	local level="$1"
	shift
	local text="$*"
	if [ "$#" -eq 0 ]; then text="$(cat)"; fi
	local when
	when="$(date --rfc-3339=seconds)"
	printf '%s [%s] %s\n' "$when" "$level" "$text"
}
note() { say Note "$@"; }
fail() {
	say ERROR "$@" >&2
	exit 1
}

from_file() {
	local var="$1" fileVar="${1}_FILE" def="${2:-}" val
	val="$def"
	if [ "${!var:-}" ]; then
		val="${!var}"
	elif [ "${!fileVar:-}" ]; then
		val="$(<"${!fileVar}")"
	fi
	export "$var"="$val"
	unset "$fileVar"
}

server_says() {
	local conf="$1"
	shift
	"$@" --verbose --help 2>/dev/null \
		| awk -v conf="$conf" '$1 == conf && /^[^ \t]/ { sub(/^[^ \t]+[ \t]+/, ""); print; exit }'
}

check_config() {
	local errors
	if ! errors="$("$@" --verbose --help 2>&1 >/dev/null)"; then
		fail "the server does not take its settings: $errors"
	fi
}

server_command() {
	case "$1" in
	mysqld | mariadbd) echo "$1" ;;
	*) basename "$(readlink -f "$1")" ;;
	esac
}

temp_start() {
	mysqld --skip-networking --socket="$SOCKET" --user=mysql &
	local i
	note 'waiting for the server'
	for i in {5..0}; do
		if run_client --database=mysql <<<'SELECT 1' &>/dev/null; then
			break
		fi
		sleep 1
	done
	if [ "$i" = 0 ]; then
		fail 'the server does not start'
	fi
}

temp_stop() {
	if ! mysqladmin --defaults-extra-file=<(password_file) shutdown -uroot --socket="$SOCKET"; then
		fail 'the server does not stop'
	fi
}

password_file() {
	cat <<-END
		[client]
		password="${MYSQL_ROOT_PASSWORD}"
	END
}

run_client() {
	local arguments=(--defaults-extra-file=<(password_file) --protocol=socket -uroot -hlocalhost --socket="$SOCKET")
	mysql "${arguments[@]}" --comments "$@"
}

make_root() {
	if [ -n "$MYSQL_RANDOM_ROOT_PASSWORD" ]; then
		MYSQL_ROOT_PASSWORD="$(openssl rand -base64 24)"
		export MYSQL_ROOT_PASSWORD
		note "generated root password"
	fi
	if [ -z "$MYSQL_INITDB_SKIP_TZINFO" ]; then
		mysql_tzinfo_to_sql /usr/share/zoneinfo \
			| sed 's/Local time zone must be set--see zic manual page/FCTY/' \
			| run_client --database=mysql
	fi
	run_client --database=mysql <<-EOSQL
		ALTER USER 'root'@'localhost' IDENTIFIED BY '${MYSQL_ROOT_PASSWORD//\'/\\\'}' ;
		FLUSH PRIVILEGES ;
	EOSQL
	if [ -n "$MYSQL_DATABASE" ]; then
		run_client --database=mysql <<<"CREATE DATABASE IF NOT EXISTS \`$MYSQL_DATABASE\` ;"
	fi
}

run_init() {
	local f
	for f; do
		case "$f" in
		*.sh)
			if [ -x "$f" ]; then
				"$f"
			else
				. "$f"
			fi
			;;
		*.sql) run_client <"$f" ;;
		*.sql.bz2) bunzip2 -c "$f" | run_client ;;
		*.sql.gz) gunzip -c "$f" | run_client ;;
		*.sql.xz) xzcat "$f" | run_client ;;
		*.sql.zst) zstd -dc "$f" | run_client ;;
		*) note "leaving out $f" ;;
		esac
	done
}

main() {
	if [ "${1:0:1}" = '-' ]; then
		set -- mysqld "$@"
	fi
	if [ "$1" = 'mysqld' ]; then
		note "starting"
		check_config "$@"
		DATADIR="$(server_says datadir "$@")"
		DATADIR="${DATADIR:-/var/lib/mysql}"
		SOCKET="$(server_says socket "$@")"
		SOCKET="${SOCKET:-/var/run/mysqld/mysqld.sock}"
		mkdir -p "$DATADIR"
		if [ "$(id -u)" = "0" ]; then
			find "$DATADIR" \! -user mysql -exec chown --no-dereference mysql '{}' +
			find "${SOCKET%/*}" -maxdepth 0 \! -user mysql -exec chown --no-dereference mysql '{}' \;
			note "switching to the user mysql"
			exec gosu mysql "${BASH_SOURCE[0]}" "$@"
		fi
		from_file MYSQL_ROOT_PASSWORD
		from_file MYSQL_DATABASE
		if [ ! -d "$DATADIR/mysql" ]; then
			if [ -z "$MYSQL_ROOT_PASSWORD$MYSQL_RANDOM_ROOT_PASSWORD" ]; then
				fail "no root password"
			fi
			ls /docker-entrypoint-initdb.d/ >/dev/null
			"$1" --initialize-insecure --datadir="$DATADIR"
			temp_start
			make_root
			run_init /docker-entrypoint-initdb.d/*
			temp_stop
		else
			mysql_upgrade --socket="$SOCKET" || :
		fi
	fi
	exec "$@"
}

main "$@"
