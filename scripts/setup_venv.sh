#!/bin/sh
# Bring .venv to what the lock files say: `setup_venv.sh run` or `setup_venv.sh dev`.
#
# Makes .venv with $PYTHON or, where that is not set, the first Python of 3.11 or later that it finds,
# and installs the locked packages by their hashes, then the project itself. A stamp holds what was
# installed, so that a second run has nothing to do. `dev` includes `run`. Works with the pip of
# Python 3.11.0.
set -eu
kind=$1
venv=.venv
case $kind in
run) lock=requirements.lock ;;
dev) lock=requirements-dev.lock ;;
*) echo "usage: scripts/setup_venv.sh run|dev" >&2 && exit 2 ;;
esac

recent='import sys; sys.exit(sys.version_info < (3, 11))'

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        set -- "$PYTHON"
    else
        set -- python3.13 python3.12 python3.11 python3 python
    fi
    for candidate in "$@"; do
        if "$candidate" -c "$recent" >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    if [ -n "${PYTHON:-}" ]; then
        echo "PYTHON=$PYTHON is not a Python 3.11 or later that runs." >&2
    else
        echo "Stretto needs Python 3.11 or later and found none. Install one, or name it:" >&2
        echo "    make demo PYTHON=/path/to/python3.12" >&2
    fi
    return 1
}

if ! "$venv/bin/python" -c "$recent; import pip" >/dev/null 2>&1; then
    python=$(find_python)
    echo "making $venv with $("$python" --version)"
    if ! "$python" -m venv --clear "$venv"; then
        echo "$python could not make $venv. On Debian and Ubuntu the package python3-venv is missing." >&2
        exit 1
    fi
fi

# The stamp: versions, hashes and the place that the editable install points to.
wanted() {
    "$venv/bin/python" - "$1" <<'PY'
import hashlib, pathlib, sys
parts = [pathlib.Path(name).read_bytes() for name in (sys.argv[1], "pyproject.toml")]
parts += [sys.version.encode(), str(pathlib.Path.cwd()).encode()]
print(hashlib.sha256(b"\0".join(parts)).hexdigest())
PY
}

is_current() {
    [ -f "$venv/.stretto-$1" ] && [ "$(cat "$venv/.stretto-$1")" = "$(wanted "$2")" ]
}

if is_current "$kind" "$lock" || { [ "$kind" = run ] && is_current dev requirements-dev.lock; }; then
    exit 0
fi
echo "installing $lock into $venv"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check --no-input install --quiet "$@"; }
pip --require-hashes -r "$lock"
# flit_core came with the lock, so nothing is fetched here that has no hash.
pip --no-deps --no-build-isolation --editable .
wanted "$lock" >"$venv/.stretto-$kind"
