"""A real AWS-compatible IAM on the loopback that checks signatures and policies.

    moto_target.py FOLDER [PORT]

It says "listening PORT" once it does. FOLDER/keys.json then has the secret of each user: `evidenced` may read lists of
users and keys and the objects of the bucket `evidence`, and nothing else; `bob` has one key that is 120 days old, `alice` one
of 10 days; `guest` may do nothing but assume the role `audit`, which may what `evidenced` may.
"""

import datetime
import json
import logging
import pathlib
import sys
import time

import boto3
import moto.core.responses
import moto.settings
from moto.iam.models import iam_backends
from moto.server import ThreadedMotoServer

AGES = {"alice": 10, "bob": 120, "guest": 1, "evidenced": 1}
MAY = ["iam:ListUsers", "iam:ListAccessKeys", "iam:GetAccessKeyLastUsed", "s3:GetObject", "s3:GetObjectVersion"]
POLICIES = {"admin": ["iam:UpdateAccessKey"], "evidenced": MAY, "guest": ["sts:AssumeRole"]}


def policy(actions):
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def seed(port):
    settings = {"endpoint_url": f"http://127.0.0.1:{port}", "region_name": "us-east-1"}
    iam = boto3.client("iam", aws_access_key_id="seed", aws_secret_access_key="seed", **settings)
    now, keys = datetime.datetime.now(datetime.timezone.utc), {}
    backend = iam_backends["123456789012"]["aws"]
    for user in [*AGES, "admin"]:
        iam.create_user(UserName=user)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        keys[user] = {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
        held = next(one for one in backend.users[user].access_keys if one.access_key_id == key["AccessKeyId"])
        held.create_date = now - datetime.timedelta(days=AGES.get(user, 0))
    s3 = boto3.client("s3", aws_access_key_id="seed", aws_secret_access_key="seed", **settings)
    s3.create_bucket(Bucket="evidence")
    s3.put_bucket_versioning(Bucket="evidence", VersioningConfiguration={"Status": "Enabled"})
    versions = []
    for reviewed in ("false", "true"):
        body = '[{"subject":"weights","reviewed":' + reviewed + "}]"
        version = s3.put_object(Bucket="evidence", Key="reviews/Q1 + Q2/access.json", Body=body.encode())
        versions.append(version["VersionId"])
    keys["versions"] = versions
    for user, actions in POLICIES.items():
        iam.put_user_policy(UserName=user, PolicyName="may", PolicyDocument=policy(actions))
    trusted = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
    iam.create_role(RoleName="audit", AssumeRolePolicyDocument=trust)
    iam.put_role_policy(RoleName="audit", PolicyName="may", PolicyDocument=policy(MAY))
    return keys


def deactivate(settings, keys, user):
    admin = {"aws_access_key_id": keys["admin"]["id"], "aws_secret_access_key": keys["admin"]["secret"]}
    iam = boto3.client("iam", **admin, **settings)
    iam.update_access_key(UserName=user, AccessKeyId=keys[user]["id"], Status="Inactive")


def main(folder, port=0):
    logging.disable(logging.CRITICAL)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=int(port), verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    keys = seed(port)
    (folder / "keys.json").write_text(json.dumps(keys))
    # From here on signatures and policies are looked at.
    moto.settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    moto.core.responses.ActionAuthenticatorMixin.request_count = 1
    print(f"listening {port}", flush=True)
    settings = {"endpoint_url": f"http://127.0.0.1:{port}", "region_name": "us-east-1"}
    wish = folder / "deactivate"
    while True:
        if wish.exists():
            deactivate(settings, keys, wish.read_text().strip())
            wish.unlink()
        time.sleep(0.05)


main(pathlib.Path(sys.argv[1]), *sys.argv[2:])
