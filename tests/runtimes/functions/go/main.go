// The function that every language has for the tests: it does what the query parameter `op` says.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"hearth"
)

func handler(ctx context.Context, event hearth.Event) (any, error) {
	switch event.Query("op") {
	case "string":
		return "plain wörds", nil
	case "number":
		return 42, nil
	case "null":
		return nil, nil
	case "list":
		return []any{1, "two", nil}, nil
	case "full":
		return hearth.Response{
			StatusCode: 418,
			Headers:    map[string]string{"content-type": "text/html", "x-test": "yes"},
			Cookies:    []string{"a=1; Path=/", "b=2"},
			Body:       "<p>é</p>",
		}, nil
	case "binary":
		all := make([]byte, 256)
		for i := range all {
			all[i] = byte(i)
		}
		return hearth.Bytes(200, "image/x-test", all), nil
	case "decode":
		data, err := event.Bytes()
		sum := 0
		for _, b := range data {
			sum += int(b)
		}
		return map[string]int{"length": len(data), "sum": sum}, err
	case "fail":
		return nil, errors.New("went wrong")
	case "wrapped":
		return nil, fmt.Errorf("outside: %w", os.ErrNotExist)
	case "panic":
		panic("no way out")
	case "context":
		return describe(ctx), nil
	case "log":
		fmt.Println("to stdout")
		fmt.Fprintln(os.Stderr, "to stderr")
		return "logged", nil
	case "sleep":
		time.Sleep(500 * time.Millisecond)
		return "slept", nil
	case "exit":
		os.Exit(3)
	case "stream":
		return nil, errors.New("this handler does not stream")
	case "reader":
		return io.Reader(strings.NewReader("read out")), nil
	case "unserializable":
		return make(chan int), nil
	}
	return echo(event), nil
}

func echo(event hearth.Event) map[string]any {
	query, cookies := event.QueryStringParameters, event.Cookies
	if query == nil {
		query = map[string]string{}
	}
	if cookies == nil {
		cookies = []string{}
	}
	return map[string]any{
		"method":   event.Method(),
		"path":     event.RawPath,
		"rawQuery": event.RawQueryString,
		"query":    query,
		"cookies":  cookies,
		"header":   event.Header("x-test"),
		"body":     event.Body,
		"base64":   event.IsBase64Encoded,
	}
}

func describe(ctx context.Context) map[string]any {
	call := hearth.FromContext(ctx)
	deadline, ok := ctx.Deadline()
	remaining := time.Until(deadline)
	return map[string]any{
		"id":        call.RequestID != "",
		"name":      call.FunctionName,
		"arn":       call.InvokedFunctionArn,
		"memory":    call.MemoryLimitInMB,
		"remaining": ok && remaining > 0 && remaining <= 20*time.Second,
		"trace":     os.Getenv("_X_AMZN_TRACE_ID"),
	}
}

func stream(ctx context.Context, event hearth.Event, out *hearth.Stream) error {
	if event.Query("op") == "stream_fail" {
		fmt.Fprint(out, "one\n")
		return errors.New("went wrong later")
	}
	if event.Query("op") == "early_fail" {
		return errors.New("went wrong early")
	}
	if err := out.SetHead(hearth.Response{
		StatusCode: 201,
		Headers:    map[string]string{"content-type": "text/event-stream", "x-test": "yes"},
		Cookies:    []string{"a=1"},
	}); err != nil {
		return err
	}
	for _, word := range []string{"one\n", "two\n", "three\n"} {
		if _, err := out.Write([]byte(word)); err != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

func main() {
	switch hearth.Handler() {
	case "stream":
		hearth.StartStream(stream)
	case "raw":
		hearth.Start(func(ctx context.Context, event json.RawMessage) (map[string]any, error) {
			return map[string]any{"got": event}, nil
		})
	case "bytes":
		hearth.Start(func(ctx context.Context, event []byte) ([]byte, error) {
			return base64.StdEncoding.DecodeString("AAH/")
		})
	default:
		hearth.Start(handler)
	}
}
