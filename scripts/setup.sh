# What `demo` and `test` need, fetched once: Debian packages, the command, and a Python environment with InvokeAI.
# Sourced, from the top of the checkout. A second run finds everything there and takes a second.

venv=${LITEFLARE_VENV:-$PWD/.venv}

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# Packages that are missing among those named; root, or a person who may use sudo, gets them installed.
debian_packages() {
    local missing=() package
    for package; do
        dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "Installing ${missing[*]}"
    local sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
}

# InvokeAI 6.14 runs on Python 3.11 and 3.12.
find_python() {
    local python
    for python in python3.11 python3.12 python3; do
        "$python" -c 'import sys; sys.exit(sys.version_info[:2] not in [(3, 11), (3, 12)])' 2>/dev/null && echo "$python" && return
    done
    die "Python 3.11 or 3.12 is needed (Debian: apt-get install python3)"
}

setup_command() {
    command -v cargo >/dev/null || die "a Rust toolchain is needed: https://rustup.rs"
    debian_packages build-essential libclang-dev # libclang: bindgen, in the build of sqlite-loadable
    say "Building liteflare"
    cargo build --release --locked
}

setup_python() {
    local wanted=tests/python/requirements.txt
    cmp -s "$wanted" "$venv/installed.txt" && return
    local python
    python=$(find_python)
    debian_packages libgl1 libglib2.0-0 # OpenCV, which InvokeAI imports
    "$python" -c 'import ensurepip' 2>/dev/null || debian_packages python3-venv
    say "Installing InvokeAI into $venv (7 GB; a few minutes, depending on the network)"
    [ -x "$venv/bin/pip" ] || "$python" -m venv "$venv"
    "$venv/bin/pip" install --quiet uv
    # Compiled once, here: each start of InvokeAI would take twice as long where PYTHONDONTWRITEBYTECODE is set, as in many containers.
    VIRTUAL_ENV=$venv "$venv/bin/uv" pip install --quiet --compile-bytecode --requirements "$wanted"
    cp "$wanted" "$venv/installed.txt"
}

# npm's packages for the folders named.
setup_node() {
    command -v npm >/dev/null || die "Node 20 or newer with npm is needed: the tests run Cloudflare's own runtime"
    local folder
    for folder; do
        cmp -s "$folder/package-lock.json" "$folder/node_modules/installed.json" && continue
        say "Installing the packages of $folder"
        npm ci --prefix "$folder" --silent --no-audit --no-fund
        cp "$folder/package-lock.json" "$folder/node_modules/installed.json"
    done
}
