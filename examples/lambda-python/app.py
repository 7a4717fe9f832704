"""A function as it stands on AWS Lambda, behind a function URL."""

import json


def lambda_handler(event, context):
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": json.dumps({
            "path": event["rawPath"],
            "function": context.function_name,
            "client": "awslambdaric",
        }),
    }
