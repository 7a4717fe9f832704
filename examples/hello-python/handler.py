def handler(event, context):
    name = (event.get("queryStringParameters") or {}).get("name", "world")
    print(f"Greeting {name}; {context.get_remaining_time_in_millis()} ms are left")
    return f"Hello, {name}! This is python.\n"
