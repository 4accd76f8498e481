#!/usr/bin/env bash
# Ends what Ray leaves on a worker whose cluster has gone: `ray down` stops the head alone, and Ray's agents would stay.
set -u

. ~/raysweep/clusters/environment.sh
raylet=$(pgrep -u "$(id -u)" -nx raylet) || exit 0
while kill -0 "$raylet" 2>/dev/null; do sleep 1; done
sleep 10 # the autoscaler may be starting Ray anew; that one has a watcher of its own
pgrep -u "$(id -u)" -x raylet >/dev/null || ray stop --force
