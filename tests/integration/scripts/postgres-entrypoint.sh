#!/usr/bin/env bash
# Starts a PostgreSQL server; makes its data directory on the first start.
set -Eeo pipefail

read_secret() {
	local name="$1" file_name="${1}_FILE" fallback="${2:-}"
	local value="$fallback"
	if [ "${!name:-}" ] && [ "${!file_name:-}" ]; then
		printf >&2 'both %s and %s are set\n' "$name" "$file_name"
		exit 1
	fi
	if [ "${!name:-}" ]; then
		value="${!name}"
	elif [ "${!file_name:-}" ]; then
		value="$(cat "${!file_name}")"
	fi
	export "$name"="$value"
	unset "$file_name"
}

is_sourced() {
	[ "${#FUNCNAME[@]}" -ge 2 ] && [ "${FUNCNAME[0]}" = 'is_sourced' ] && [ "${FUNCNAME[1]}" = 'source' ]
}

make_directories() {
	local user
	user="$(id -u)"
	mkdir -p "$PGDATA"
	chmod 00700 "$PGDATA" || :
	mkdir -p /var/run/postgresql || :
	chmod 03775 /var/run/postgresql || :
	if [ -n "${POSTGRES_INITDB_WALDIR:-}" ]; then
		mkdir -p "$POSTGRES_INITDB_WALDIR"
		if [ "$user" = '0' ]; then
			find "$POSTGRES_INITDB_WALDIR" \! -user postgres -exec chown postgres '{}' +
		fi
		chmod 700 "$POSTGRES_INITDB_WALDIR"
	fi
	if [ "$user" = '0' ]; then
		find "$PGDATA" \! -user postgres -exec chown postgres '{}' +
		find /var/run/postgresql \! -user postgres -exec chown postgres '{}' +
	fi
}

make_cluster() {
	local uid
	uid="$(id -u)"
	if ! getent passwd "$uid" &>/dev/null; then
		local wrapper
		for wrapper in {/usr,}/lib{/*,}/libnss_wrapper.so; do
			if [ -s "$wrapper" ]; then
				NSS_WRAPPER_PASSWD="$(mktemp)"
				export LD_PRELOAD="$wrapper" NSS_WRAPPER_PASSWD
				printf 'postgres:x:%s:0:PostgreSQL:%s:/bin/false\n' "$uid" "$PGDATA" >"$NSS_WRAPPER_PASSWD"
				break
			fi
		done
	fi
	if [ -n "${POSTGRES_INITDB_WALDIR:-}" ]; then
		set -- --waldir "$POSTGRES_INITDB_WALDIR" "$@"
	fi
	eval 'initdb --username="$POSTGRES_USER" --pwfile=<(printf "%s\n" "$POSTGRES_PASSWORD") '"$POSTGRES_INITDB_ARGS"' "$@"'
	if [[ "${LD_PRELOAD:-}" == */libnss_wrapper.so ]]; then
		rm -f "$NSS_WRAPPER_PASSWD"
		unset LD_PRELOAD NSS_WRAPPER_PASSWD
	fi
}

check_settings() {
	case "${PG_MAJOR:-}" in
	13) if [ "${#POSTGRES_PASSWORD}" -ge 100 ]; then cat >&2 <<-'WARN'
		The password is longer than this version takes.
		WARN
		fi ;;
	esac
	if [ -z "$POSTGRES_PASSWORD" ] && [ 'trust' != "$POSTGRES_HOST_AUTH_METHOD" ]; then
		cat >&2 <<-'END'
			There is no superuser password: set POSTGRES_PASSWORD.
		END
		exit 1
	fi
}

run_files() {
	psql=(run_sql)
	printf '\n'
	local f
	for f; do
		case "$f" in
		*.sh)
			if [ -x "$f" ]; then
				printf '%s: running %s\n' "$0" "$f"
				"$f"
			else
				printf '%s: sourcing %s\n' "$0" "$f"
				. "$f"
			fi
			;;
		*.sql) run_sql -f "$f" ;;
		*.sql.gz) gunzip -c "$f" | run_sql ;;
		*.sql.xz) xzcat "$f" | run_sql ;;
		*.sql.zst) zstd -dc "$f" | run_sql ;;
		*) printf '%s: leaving out %s\n' "$0" "$f" ;;
		esac
	done
}

run_sql() {
	local command=(psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc)
	if [ -n "$POSTGRES_DB" ]; then
		command+=(--dbname "$POSTGRES_DB")
	fi
	PGHOST='' PGHOSTADDR='' "${command[@]}" "$@"
}

make_database() {
	local there
	there="$(
		POSTGRES_DB='' run_sql --dbname postgres --set db="$POSTGRES_DB" --tuples-only <<-'EOSQL'
			SELECT 1 FROM pg_database WHERE datname = :'db' ;
		EOSQL
	)"
	if [ -z "$there" ]; then
		POSTGRES_DB='' run_sql --dbname postgres --set db="$POSTGRES_DB" <<-'EOSQL'
			CREATE DATABASE :"db" ;
		EOSQL
	fi
}

set_environment() {
	read_secret 'POSTGRES_PASSWORD'
	read_secret 'POSTGRES_USER' 'postgres'
	read_secret 'POSTGRES_DB' "$POSTGRES_USER"
	read_secret 'POSTGRES_INITDB_ARGS'
	: "${POSTGRES_HOST_AUTH_METHOD:=}"
	: "${PGDATA:=/var/lib/postgresql/data}"
	declare -g DATABASE_EXISTS
	if [ -s "$PGDATA/PG_VERSION" ]; then
		DATABASE_EXISTS='true'
	fi
}

write_access() {
	if [ "$1" = 'postgres' ]; then
		shift
	fi
	local method
	method="$(postgres -C password_encryption "$@")"
	: "${POSTGRES_HOST_AUTH_METHOD:=$method}"
	{
		printf '\n'
		printf 'host all all all %s\n' "$POSTGRES_HOST_AUTH_METHOD"
	} >>"$PGDATA/pg_hba.conf"
}

start_once() {
	if [ "$1" = 'postgres' ]; then
		shift
	fi
	set -- "$@" -c listen_addresses='' -p "${PGPORT:-5432}"
	NOTIFY_SOCKET= \
		PGUSER="${PGUSER:-$POSTGRES_USER}" \
		pg_ctl -D "$PGDATA" \
		-o "$(printf '%q ' "$@")" \
		-w start
}

stop_once() {
	PGUSER="${PGUSER:-postgres}" \
		pg_ctl -D "$PGDATA" -m fast -w stop
}

asks_for_help() {
	local arg
	for arg; do
		case "$arg" in
		-'?' | --help | --describe-config | -V | --version) return 0 ;;
		esac
	done
	return 1
}

main() {
	if [ "${1:0:1}" = '-' ]; then
		set -- postgres "$@"
	fi
	if [ "$1" = 'postgres' ] && ! asks_for_help "$@"; then
		set_environment
		make_directories
		if [ "$(id -u)" = '0' ]; then
			exec gosu postgres "${BASH_SOURCE[0]}" "$@"
		fi
		if [ -z "$DATABASE_EXISTS" ]; then
			check_settings
			ls /docker-entrypoint-initdb.d/ >/dev/null
			make_cluster
			write_access "$@"
			export PGPASSWORD="${PGPASSWORD:-$POSTGRES_PASSWORD}"
			start_once "$@"
			make_database
			run_files /docker-entrypoint-initdb.d/*
			stop_once
			unset PGPASSWORD
			cat <<-'END'

				The database is ready.

			END
		else
			echo 'There is a database already.'
		fi
	fi
	exec "$@"
}

if ! is_sourced; then
	main "$@"
fi
