#!/usr/bin/env bash
# Ends Ray on a worker when its head is gone. Ray waits for a head without power, which says no goodbye, for minutes; and
# `ray down` stops the head alone, so that Ray's agents would stay here for good.
set -u

. ~/raysweep/clusters/environment.sh
raylet=$(pgrep -u "$(id -u)" -nx raylet) || exit 0
seen=$SECONDS
while kill -0 "$raylet" 2>/dev/null; do
  if timeout 1 bash -c ": < /dev/tcp/$RAY_HEAD_IP/6379" 2>/dev/null; then seen=$SECONDS; fi
  # By then a link that is only cut has made the head give this worker up, too. A refusal comes at once, so that tries
  # say nothing.
  if [ $((SECONDS - seen)) -ge 8 ]; then kill -KILL "$raylet"; fi
  sleep 1
done
sleep 10 # the autoscaler may be starting Ray anew; that one has a watcher of its own
pgrep -u "$(id -u)" -x raylet >/dev/null || ray stop --force
