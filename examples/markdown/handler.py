"""Renders the Markdown that is POSTed as an HTML page."""

import base64
import html

import markdown

PAGE = "<!doctype html>\n<html><head><meta charset=\"utf-8\"><title>{title}</title></head>\n<body>\n{body}\n</body></html>\n"


def handler(event, context):
    text = event.get("body") or ""
    if event.get("isBase64Encoded"):
        text = base64.b64decode(text).decode("utf-8", "replace")
    if not text.strip():
        return {"statusCode": 400, "body": "POST a Markdown text\n"}
    title = (event.get("queryStringParameters") or {}).get("title", "Document")
    body = markdown.markdown(text, extensions=["tables", "fenced_code"])
    return {
        "statusCode": 200,
        "headers": {"content-type": "text/html; charset=utf-8"},
        "body": PAGE.format(title=html.escape(title), body=body),
    }
