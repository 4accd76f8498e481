# What every shell on a cluster's machines starts with, and so every process of Ray: ~/.bashrc reads it.
export PATH="$HOME/raysweep/.venv/bin:$PATH"
export PYTHONPATH="$HOME/raysweep"
export RAY_AUTH_MODE=token # the token lies in ~/.ray/auth_token
export RAY_USAGE_STATS_ENABLED=0
# Ray's metrics would be there for everybody: these ports ask for no token. The last two can't be had, so stay shut.
export RAY_enable_metrics_collection=0 AUTOSCALER_METRIC_PORT=65536 DASHBOARD_METRIC_PORT=65536
export RAY_JOB_STOP_WAIT_TIME_S=30 # `ray job stop`: for a clean end, which takes some seconds; else 3, and then SIGKILL
export RAY_ADDRESS=auto # a sweep joins the cluster of its machine
export MLFLOW_TRACKING_URI=http://127.0.0.1:5000
# Where sweeps write, and where checkpoints go that all machines must see: the cluster's file says it in its first lines.
RAYSWEEP_RESULTS_DIR=$(cat ~/raysweep/results_dir 2>/dev/null || echo ~/raysweep/results)
RAYSWEEP_STORAGE_PATH=$(cat ~/raysweep/storage_path 2>/dev/null || true)
export RAYSWEEP_RESULTS_DIR RAYSWEEP_STORAGE_PATH
