"""Usage: client.py VARIANT URL BODY

Posts BODY to URL the way real Python code does and prints one JSON line: status, why it was blocked, or the error.
Nothing here is told about a proxy; the libraries look at the environment or do not, each in its own way.
"""

import json
import sys
import urllib.error
import urllib.request

HEADERS = {"Content-Type": "application/json", "X-CamelCase-Probe": "kept"}


def with_requests(url, body):
    import requests

    response = requests.post(url, data=body.encode(), headers=HEADERS, timeout=30)
    return response.status_code, response.headers.get("x-pipelock-blocked")


def with_httpx(url, body, http2):
    import httpx

    with httpx.Client(http2=http2, timeout=30) as client:
        response = client.post(url, content=body, headers=HEADERS)
        return response.status_code, response.headers.get("x-pipelock-blocked")


def with_urllib(url, body):
    request = urllib.request.Request(url, data=body.encode(), headers=HEADERS)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, None
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("x-pipelock-blocked")


def with_openai(url, body, stream):
    import openai

    # The SDK wants a key; this one has the shape of none.
    client = openai.OpenAI(base_url=url, api_key="unset", max_retries=0, timeout=30)
    messages = [{"role": "user", "content": body}]
    try:
        answer = client.chat.completions.create(model="gpt-test", messages=messages, stream=stream)
        if stream:
            text = "".join(chunk.choices[0].delta.content or "" for chunk in answer)
        else:
            text = answer.choices[0].message.content
        return (200 if text == "hello" else 599), None
    except openai.APIStatusError as error:
        return error.status_code, error.response.headers.get("x-pipelock-blocked")


VARIANTS = {
    "requests": with_requests,
    "httpx_h1": lambda url, body: with_httpx(url, body, False),
    "httpx_h2": lambda url, body: with_httpx(url, body, True),
    "urllib": with_urllib,
    "openai": lambda url, body: with_openai(url, body, False),
    "openai_stream": lambda url, body: with_openai(url, body, True),
}

if __name__ == "__main__":
    variant, url, body = sys.argv[1:]
    try:
        status, blocked = VARIANTS[variant](url, body)
        print(json.dumps({"status": status, "blocked": blocked}))
    except Exception as error:  # whatever the library raises is the result
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}))
