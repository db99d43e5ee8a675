#!/bin/sh
# The subcommands of OpenMetadata's script of this name that Strongroom takes over: migrate-secrets.
#
# Its own options stand before the subcommand, as they always did. What follows it goes to Strongroom. Plain sh: it is called as
# `sh bootstrap/openmetadata-ops.sh` too, and sh is another shell on each system.
set -eu

wrong_usage=2

usage() {
    cat <<'TEXT'
Usage: openmetadata-ops.sh [OPTIONS] SUBCOMMAND [ARGUMENTS]

Subcommands:
  migrate-secrets    Move the secrets of the database to the configured secrets manager.
                     --plan shows what would be done and changes nothing; --json prints the report as JSON;
                     migrate-secrets --help tells the rest.

Options:
  -c, --config FILE  The configuration (default: ../conf/openmetadata.yaml beside this script's folder)
  -d, --debug        Write a detailed log to standard error; so does the variable `debug`, if it is set
  -h, --help         Show this text
  -V, --version      Show Strongroom's version

Environment:
  STRONGROOM_BIN     The program `strongroom` (default: the one on the path, else ../target/release/strongroom)
  JAVA_HOME, CLASSPATH and OPENMETADATA_OPTS mean nothing here: there is no Java.

Exit codes of migrate-secrets: 0 done; 1 something failed, and the report says what; 2 wrong usage or configuration;
3 conflicts were found and nothing was written.
TEXT
}

refuse() {
    printf 'openmetadata-ops.sh: %s\n' "$1" >&2
    exit "$wrong_usage"
}

# The folder of the script itself, also where it is called through links.
own_folder() {
    script=$1
    links=0
    while [ -h "$script" ]; do
        links=$((links + 1))
        [ "$links" -le 40 ] || refuse "$1 is a link that leads in a circle"
        target=$(readlink "$script")
        case $target in
            /*) script=$target ;;
            *) script=$(dirname "$script")/$target ;;
        esac
    done
    CDPATH='' cd "$(dirname "$script")" && pwd
}

find_program() {
    if [ -n "${STRONGROOM_BIN:-}" ]; then
        if [ ! -x "$STRONGROOM_BIN" ] || [ -d "$STRONGROOM_BIN" ]; then
            refuse "STRONGROOM_BIN is $STRONGROOM_BIN, which is no program"
        fi
        printf '%s\n' "$STRONGROOM_BIN"
    elif command -v strongroom >/dev/null; then
        command -v strongroom
    elif [ -x "$bootstrap/../target/release/strongroom" ]; then
        printf '%s\n' "$bootstrap/../target/release/strongroom"
    else
        refuse "the program strongroom was not found; put it on the path, name it in STRONGROOM_BIN, or build it with: cargo build --release"
    fi
}

bootstrap=$(own_folder "$0")
config=$bootstrap/../conf/openmetadata.yaml
verbose=${debug:-}

while [ "$#" -gt 0 ]; do
    case $1 in
        -c | --config)
            [ "$#" -gt 1 ] || refuse "the option $1 needs a file"
            config=$2
            shift 2
            ;;
        --config=*)
            config=${1#--config=}
            shift
            ;;
        -c?*)
            config=${1#-c}
            config=${config#=}
            shift
            ;;
        -d | --debug)
            verbose=yes
            shift
            ;;
        -d?*)
            # One-letter options may share a hyphen.
            verbose=yes
            rest=-${1#-d}
            shift
            set -- "$rest" "$@"
            ;;
        -h | --help)
            usage
            exit 0
            ;;
        -V | --version)
            program=$(find_program)
            exec "$program" --version
            ;;
        -*)
            refuse "there is no option $1 before the subcommand; --help shows those that there are"
            ;;
        *) break ;;
    esac
done

# Without a subcommand the reference's script lists what there is, and that is no error.
if [ "$#" -eq 0 ]; then
    usage
    exit 0
fi
subcommand=$1
shift

case $subcommand in
    migrate-secrets) ;;
    migrate)
        refuse "Strongroom does not change OpenMetadata's own tables: run the subcommand migrate of OpenMetadata's script, which moves secrets in its own way at the end where a vault is configured; to have Strongroom move them, leave secretsManager as it was until migrate is done, then change it and run migrate-secrets here"
        ;;
    info | validate | repair | check-connection | drop-create | changelog | reindex | reindex-rdf | reindexdi | deploy-pipelines | \
        dbServiceCleanup | relationshipCleanup | tagUsageCleanup | drop-indexes | create-indexes | analyze-tables | \
        setOpenMetadataUrl | configureEmailSettings | get-security-config | update-security-config | \
        remove-security-config | install-app | delete-app | create-user | reset-password | syncAlertOffset | \
        cleanup-flowable-history)
        refuse "the subcommand $subcommand is OpenMetadata's alone: use its own script for that; here is only migrate-secrets"
        ;;
    *)
        refuse "there is no subcommand $subcommand; here is only migrate-secrets"
        ;;
esac

# The options of the script count behind the subcommand too: one turn through all arguments keeps the others in order.
left=$#
while [ "$left" -gt 0 ]; do
    argument=$1
    shift
    left=$((left - 1))
    case $argument in
        -c | --config)
            [ "$left" -gt 0 ] || refuse "the option $argument needs a file"
            config=$1
            shift
            left=$((left - 1))
            ;;
        --config=*) config=${argument#--config=} ;;
        -d | --debug) verbose=yes ;;
        --force)
            refuse "migrate-secrets needs no --force: each time it is run it does what is left to do"
            ;;
        *) set -- "$@" "$argument" ;;
    esac
done

program=$(find_program)
for argument in "$@"; do
    case $argument in
        -h | --help) exec "$program" migrate-secrets --help ;;
    esac
done
[ -f "$config" ] || refuse "there is no configuration $config; name it with --config FILE before the subcommand"
if [ -n "$verbose" ]; then
    export STRONGROOM_LOG="${STRONGROOM_LOG:-debug}"
fi
exec "$program" migrate-secrets -c "$config" "$@"
