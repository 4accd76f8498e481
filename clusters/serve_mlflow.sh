#!/usr/bin/env bash
# Keeps MLflow's server running on the head, and starts it again when it dies; ends when Ray has ended there.
# The database and the artifacts lie in ~/raysweep/mlflow. For this machine alone: use `ssh -L 5000:localhost:5000`.
set -u

mkdir -p ~/raysweep/mlflow
cd ~/raysweep/mlflow
exec 9>lock
flock --timeout 10 9 || exit 0 # another one is at it
unset MLFLOW_TRACKING_URI
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false # saves over a gigabyte of memory

ray_runs() { pgrep -u "$(id -u)" -x gcs_server >/dev/null; }

while ray_runs; do
    setsid mlflow server --host 127.0.0.1 --port 5000 --workers 1 \
        --backend-store-uri sqlite:///mlflow.db --artifacts-destination "$PWD/artifacts" 9>&- &
    server=$!
    while kill -0 "$server" 2>/dev/null && ray_runs; do sleep 1; done
    kill -- "-$server" 2>/dev/null
    wait "$server"
    sleep 1
done
