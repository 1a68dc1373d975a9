#!/bin/sh
# Makes .venv and installs HybridStudio into it: `tools/setup.sh window` or `tools/setup.sh test`.
# Does nothing when that was done already for this pyproject.toml. PYTHON=... chooses the Python.
set -eu
cd "$(dirname "$0")/.."
extra=$1
venv=.venv
stamp=$venv/.installed-$extra

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "$@" >&2; exit 1; }

# What Qt loads at start, as Debian and Ubuntu call it; tests open real windows as well.
system="libglib2.0-0 libegl1 libgl1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0
libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libdbus-1-3
libfontconfig1 fonts-dejavu-core"
[ "$extra" = test ] && system="$system xvfb"

is_debian() { command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; }
is_root() { [ "$(id -u)" = 0 ]; }

apt_install() {
    apt-get update -qq || say "apt-get update failed; trying with the lists that are there."
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null
}

# A name that answers --version may still be too old, or a shim without a Python behind it.
is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_new_enough "$PYTHON" || fail "PYTHON=$PYTHON is not a working Python 3.11 or newer."
        printf '%s' "$PYTHON"
        return
    fi
    for name in python3.13 python3.12 python3.11 python3 python; do
        if is_new_enough "$name"; then printf '%s' "$name"; return; fi
    done
    fail "HybridStudio needs Python 3.11 or newer, and none was found." \
        "  Debian 12, Ubuntu 24.04 or newer:  sudo apt-get install -y python3 python3-venv" \
        "  macOS:                             brew install python@3.13" \
        "  any other:                         https://www.python.org/downloads/" \
        "Then run it again; PYTHON=/path/to/python3 chooses one that is not on the PATH."
}

make_venv() {
    python=$(find_python)
    say "Making $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv" >/dev/null 2>&1 && return
    # Debian's python3 comes without ensurepip, which venv needs.
    package=$("$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')
    if is_debian && is_root; then
        apt_install "$package" || apt_install python3-venv
        "$python" -m venv --clear "$venv"
    elif is_debian; then
        fail "$python cannot make a virtual environment. Run this line, then try again:" \
            "  sudo apt-get install -y $package"
    else
        "$python" -m venv --clear "$venv"  # once more, to show why
    fi
}

install_system() {
    is_debian || return 0
    missing=
    for package in $system; do
        # Newer releases call some of them by another name: libglib2.0-0t64.
        case "$(dpkg-query -W -f='${Status}\n' "$package" "${package}t64" 2>/dev/null)" in
            *"ok installed"*) ;;
            *) missing="$missing $package" ;;
        esac
    done
    [ -z "$missing" ] && return 0
    if is_root; then
        say "Installing what Qt needs:$missing"
        # shellcheck disable=SC2086  # one word for each package
        apt_install $missing && return 0
        say "That failed. The window may not open before this has run:"
    else
        say "Qt needs packages that only an administrator can install. Run:"
    fi
    say "  sudo apt-get install -y$missing"
    [ "$extra" != test ] || fail "The tests cannot pass without them."
}

# The pair must come together: another torch build makes torchvision fail at import.
check_torch() {
    "$venv/bin/python" -m hybridstudio.doctor torch >/dev/null && return
    say "torch and torchvision do not fit together; fetching a pair that does."
    line=$("$venv/bin/python" -c '
from hybridstudio import doctor
print(doctor.mend_pair(doctor.version("torch")))')
    eval "$line"
    "$venv/bin/python" -m hybridstudio.doctor torch
}

wanted="$extra $(cksum <pyproject.toml) $(pwd)"
if [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi
is_new_enough "$venv/bin/python" || make_venv
install_system
say "Installing HybridStudio with torch into $venv: up to 5.4 GB and a few minutes, once."
quiet=--quiet
[ -t 1 ] && quiet=  # at a terminal pip's bars show that it goes on
"$venv/bin/python" -m pip install $quiet --editable ".[$extra]" </dev/null
check_torch
printf '%s' "$wanted" >"$stamp"
[ "$extra" != test ] || printf '%s' "window ${wanted#test }" >"$venv/.installed-window"
