"""Server-sent events: what a generator yields goes to the client at once. The first dict is the answer's head."""

import json
import random
import time


def handler(event, context):
    query = event.get("queryStringParameters") or {}
    count, pause = int(query.get("count", 10)), float(query.get("pause", 1))
    yield {"statusCode": 200, "headers": {"content-type": "text/event-stream", "cache-control": "no-store"}}
    price = 100.0
    for number in range(count):
        price *= 1 + random.uniform(-0.01, 0.01)
        yield f"id: {number}\nevent: price\ndata: {json.dumps({'price': round(price, 2)})}\n\n"
        time.sleep(pause)
