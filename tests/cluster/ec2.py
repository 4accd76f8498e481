"""What the client asks of EC2: an account made ready, and what has become of its instances. Runs on the client.

`ec2.py seed` makes what docs/cluster.md lets one make by hand, and a network; prints the ids as JSON.
`ec2.py watch FILE` writes all instances there, again and again. `ec2.py take ID` is AWS, which takes a spot machine.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import boto3

REGION = "eu-central-1"
NETWORK = "10.77.0.0/24"
BUCKET, GROUP, ROLES = "sweeps", "raysweep", ("raysweep-head", "raysweep-worker")
WATCH_SECONDS = 0.5


def seed() -> dict[str, str]:
    """What one account has; the rules of security groups mean nothing here, and roles give nobody a right."""
    boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    ec2, iam = boto3.client("ec2"), boto3.client("iam")
    network = ec2.create_vpc(CidrBlock=NETWORK)["Vpc"]["VpcId"]
    ec2.create_subnet(VpcId=network, CidrBlock=NETWORK)
    group = ec2.create_security_group(GroupName=GROUP, Description=GROUP, VpcId=network)["GroupId"]
    for role in ROLES:
        iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")
        iam.create_instance_profile(InstanceProfileName=role)
        iam.add_role_to_instance_profile(InstanceProfileName=role, RoleName=role)
    key = Path("key.pub").read_bytes()
    ec2.import_key_pair(KeyName="raysweep", PublicKeyMaterial=key)
    return {"group": group, "image": ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]}


def instances(ec2: Any) -> list[dict[str, Any]]:
    """All that there are and were."""
    found = [one for booked in ec2.describe_instances()["Reservations"] for one in booked["Instances"]]
    return [
        {
            "id": one["InstanceId"],
            "address": one.get("PrivateIpAddress"),
            "state": one["State"]["Name"],
            "type": one["InstanceType"],
            "is_spot": one.get("InstanceLifecycle") == "spot",
            "groups": [group["GroupId"] for group in one["SecurityGroups"]],
            "kind": next((tag["Value"] for tag in one.get("Tags", ()) if tag["Key"] == "ray-user-node-type"), None),
        }
        for one in found
    ]


def watch(file: Path) -> None:
    ec2 = boto3.client("ec2")
    while True:
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps(instances(ec2)))
        draft.replace(file)
        time.sleep(WATCH_SECONDS)


if __name__ == "__main__":
    assert os.environ["AWS_ENDPOINT_URL"].startswith("http://10.77.0."), "never AWS itself"
    match sys.argv[1:]:
        case ["seed"]:
            print(json.dumps(seed()))
        case ["watch", file]:
            watch(Path(file))
        case ["take", instance]:
            boto3.client("ec2").terminate_instances(InstanceIds=[instance])
        case other:
            sys.exit(f"not known: {other}")
