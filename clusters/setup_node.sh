#!/usr/bin/env bash
# Makes a machine one of a cluster's, once `ray up` has copied the files there. Run again, it changes nothing.
set -eu

# Nobody else on the machine may read the token.
chmod 700 ~/.ray
chmod 600 ~/.ray/auth_token

# In the first line: what many systems put into ~/.bashrc ends it early where nobody types.
line='. ~/raysweep/clusters/environment.sh'
touch ~/.bashrc
if ! grep -qxF "$line" ~/.bashrc; then
    printf '%s\n' "$line" "$(cat ~/.bashrc)" > ~/.bashrc.new
    mv ~/.bashrc.new ~/.bashrc
fi

# All that raysweep needs, in the versions of constraints.txt; what is there already isn't asked for on the network.
# A link at .venv leads to an environment of your own: it is left as it is.
cd ~/raysweep
if [ -L .venv ]; then exit 0; fi
# One without pip was left half made, by a machine that lacked python3-venv, say, or went down.
if ! .venv/bin/python -m pip --version > /dev/null 2>&1; then
    python3.11 -m venv --clear .venv || python3 -m venv --clear .venv
fi
.venv/bin/python - > .venv/requirements.txt <<'PYTHON'
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
print(*project["dependencies"], *project["optional-dependencies"]["cluster"], sep="\n")
PYTHON
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --constraint constraints.txt --requirement .venv/requirements.txt
