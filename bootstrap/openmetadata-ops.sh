#!/usr/bin/env bash
# The subcommands of OpenMetadata's script of this name that Strongroom takes over: migrate-secrets.
#
# The options of the script itself stand before the subcommand, as they always did. What follows it goes to Strongroom.
set -euo pipefail

bootstrap=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly bootstrap
readonly wrong_usage=2

usage() {
    cat <<'TEXT'
Usage: openmetadata-ops.sh [OPTIONS] SUBCOMMAND [ARGUMENTS]

Subcommands:
  migrate-secrets    Move the secrets of the database to the configured secrets manager.
                     --plan shows what would be done and changes nothing; --json prints the report as JSON;
                     migrate-secrets --help tells the rest.

Options:
  -c, --config FILE  The configuration (default: ../conf/openmetadata.yaml beside this script's folder)
  -d, --debug        Write a detailed log to standard error
  -h, --help         Show this text
  -V, --version      Show Strongroom's version

Environment:
  STRONGROOM_BIN     The program `strongroom` (default: the one on the path, else ../target/release/strongroom)

Exit codes of migrate-secrets: 0 done; 1 something failed, and the report says what; 2 wrong usage or configuration;
3 conflicts were found and nothing was written.
TEXT
}

refuse() {
    printf 'openmetadata-ops.sh: %s\n' "$1" >&2
    exit "$wrong_usage"
}

find_program() {
    if [[ -n ${STRONGROOM_BIN:-} ]]; then
        [[ -x $STRONGROOM_BIN && ! -d $STRONGROOM_BIN ]] ||
            refuse "STRONGROOM_BIN is $STRONGROOM_BIN, which is no program"
        printf '%s\n' "$STRONGROOM_BIN"
    elif command -v strongroom >/dev/null; then
        command -v strongroom
    elif [[ -x $bootstrap/../target/release/strongroom ]]; then
        printf '%s\n' "$bootstrap/../target/release/strongroom"
    else
        refuse "the program strongroom was not found; put it on the path, name it in STRONGROOM_BIN, or build it with: cargo build --release"
    fi
}

config=$bootstrap/../conf/openmetadata.yaml
debug=
while (($# > 0)); do
    case $1 in
        -c | --config)
            (($# > 1)) || refuse "the option $1 needs a file"
            config=$2
            shift 2
            ;;
        --config=*)
            config=${1#--config=}
            shift
            ;;
        -d | --debug)
            debug=yes
            shift
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
if (($# == 0)); then
    usage
    exit 0
fi
subcommand=$1
shift

case $subcommand in
    migrate-secrets)
        program=$(find_program)
        [[ -f $config ]] || refuse "there is no configuration $config; name it with --config FILE before the subcommand"
        if [[ -n $debug ]]; then
            export STRONGROOM_LOG=${STRONGROOM_LOG:-debug}
        fi
        exec "$program" migrate-secrets -c "$config" "$@"
        ;;
    *)
        refuse "Strongroom has no subcommand $subcommand, only migrate-secrets; for all others use OpenMetadata's own script"
        ;;
esac
