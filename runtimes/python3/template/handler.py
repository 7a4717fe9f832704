"""{{name}}: answers with a greeting. `event` is the HTTP request, `context` knows the call and its deadline."""


def handler(event, context):
    query = event.get("queryStringParameters") or {}
    return {
        "statusCode": 200,
        "headers": {"content-type": "text/plain; charset=utf-8"},
        "body": f"Hello, {query.get('name', 'world')}!\n",
    }
