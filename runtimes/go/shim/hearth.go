// Package hearth runs a function on Hearth: it speaks the Lambda Runtime API, the standard library is all it needs.
//
//	func handler(ctx context.Context, event hearth.Event) (hearth.Response, error) { … }
//	func main() { hearth.Start(handler) }
package hearth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// Event is an HTTP request: AWS's function-URL payload, version 2.0. A handler that wants the event as it came
// takes a []byte or json.RawMessage, one with `event: raw` a type of its own.
type Event struct {
	Version               string            `json:"version"`
	RouteKey              string            `json:"routeKey"`
	RawPath               string            `json:"rawPath"`
	RawQueryString        string            `json:"rawQueryString"`
	Cookies               []string          `json:"cookies,omitempty"`
	Headers               map[string]string `json:"headers"`
	QueryStringParameters map[string]string `json:"queryStringParameters,omitempty"`
	RequestContext        RequestContext    `json:"requestContext"`
	Body                  string            `json:"body,omitempty"`
	IsBase64Encoded       bool              `json:"isBase64Encoded"`
}

// RequestContext is what the platform knows about a request.
type RequestContext struct {
	AccountID    string `json:"accountId"`
	APIID        string `json:"apiId"`
	DomainName   string `json:"domainName"`
	DomainPrefix string `json:"domainPrefix"`
	HTTP         HTTP   `json:"http"`
	RequestID    string `json:"requestId"`
	RouteKey     string `json:"routeKey"`
	Stage        string `json:"stage"`
	Time         string `json:"time"`
	TimeEpoch    int64  `json:"timeEpoch"`
}

// HTTP is the request line and where it came from.
type HTTP struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// Method is the HTTP method.
func (e *Event) Method() string { return e.RequestContext.HTTP.Method }

// Header is a header by its lower-case name, or "".
func (e *Event) Header(name string) string { return e.Headers[name] }

// Query is a parameter of the query, or "".
func (e *Event) Query(name string) string { return e.QueryStringParameters[name] }

// Bytes is the body as the client sent it.
func (e *Event) Bytes() ([]byte, error) {
	if e.IsBase64Encoded {
		return base64.StdEncoding.DecodeString(e.Body)
	}
	return []byte(e.Body), nil
}

// Response is an HTTP answer. Any other result of a handler is answered as 200 with its JSON.
type Response struct {
	StatusCode      int               `json:"statusCode"`
	Headers         map[string]string `json:"headers,omitempty"`
	Cookies         []string          `json:"cookies,omitempty"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded,omitempty"`
}

// Text answers with plain text.
func Text(status int, body string) Response {
	return Response{StatusCode: status, Headers: map[string]string{"content-type": "text/plain; charset=utf-8"}, Body: body}
}

// Bytes answers with a body of any bytes.
func Bytes(status int, contentType string, body []byte) Response {
	return Response{
		StatusCode:      status,
		Headers:         map[string]string{"content-type": contentType},
		Body:            base64.StdEncoding.EncodeToString(body),
		IsBase64Encoded: true,
	}
}

// JSON answers with a value as JSON; a value that has none is the function's error.
func JSON(status int, value any) (Response, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return Response{}, err
	}
	return Response{StatusCode: status, Headers: map[string]string{"content-type": "application/json"}, Body: string(text)}, nil
}

// Invocation is what a handler can know about its call.
type Invocation struct {
	RequestID          string
	InvokedFunctionArn string
	TraceID            string
	FunctionName       string
	FunctionVersion    string
	MemoryLimitInMB    int
	Deadline           time.Time
	ClientContext      json.RawMessage
	Identity           json.RawMessage
}

type invocationKey struct{}

// FromContext is the call that ctx belongs to. ctx itself ends at the call's deadline.
func FromContext(ctx context.Context) Invocation {
	invocation, _ := ctx.Value(invocationKey{}).(Invocation)
	return invocation
}

// Handler is the function's `spec.handler`, for a binary that holds more than one.
func Handler() string { return os.Getenv("_HANDLER") }

// Start serves invocations with a handler that takes an event and gives a result. It never returns.
//
// The event is In's JSON, or as it came where In is []byte or json.RawMessage. The result is Out's JSON; []byte
// and json.RawMessage go out as they are, and what an io.Reader gives is streamed.
func Start[In, Out any](handler func(context.Context, In) (Out, error)) {
	serve(func(ctx context.Context, c *call) error {
		event, err := decode[In](c.event)
		if err != nil {
			return c.fail(err, "Runtime.UnmarshalError", nil)
		}
		result, err := handler(ctx, event)
		if err != nil {
			return c.fail(err, "", nil)
		}
		return c.answer(any(result))
	})
}

// StartStream serves invocations with a handler that writes its answer while it runs. It never returns.
func StartStream[In any](handler func(context.Context, In, *Stream) error) {
	serve(func(ctx context.Context, c *call) error {
		event, err := decode[In](c.event)
		if err != nil {
			return c.fail(err, "Runtime.UnmarshalError", nil)
		}
		stream := &Stream{call: c, contentType: "application/octet-stream"}
		c.stream = stream
		return stream.conclude(handler(ctx, event, stream))
	})
}

func decode[In any](data []byte) (In, error) {
	var event In
	switch target := any(&event).(type) {
	case *[]byte:
		*target = data
	case *json.RawMessage:
		*target = data
	default:
		if err := json.Unmarshal(data, &event); err != nil {
			return event, err
		}
	}
	return event, nil
}

func (c *call) answer(result any) error {
	switch value := result.(type) {
	case []byte:
		return c.post("response", "application/octet-stream", "", value)
	case json.RawMessage:
		return c.post("response", jsonType, "", value)
	case io.Reader:
		stream := &Stream{call: c, contentType: "application/octet-stream"}
		c.stream = stream
		_, err := io.Copy(stream, value)
		if closer, ok := value.(io.Closer); ok {
			_ = closer.Close()
		}
		return stream.conclude(err)
	}
	text, err := json.Marshal(result)
	if err != nil {
		return c.fail(err, "Runtime.MarshalError", nil)
	}
	return c.post("response", jsonType, "", text)
}

func serve(run func(context.Context, *call) error) {
	address := os.Getenv("AWS_LAMBDA_RUNTIME_API")
	if address == "" {
		fmt.Fprintln(os.Stderr, "AWS_LAMBDA_RUNTIME_API is not set: this program is started by hearth-watchdog")
		os.Exit(1)
	}
	parallel, _ := strconv.Atoi(os.Getenv("AWS_LAMBDA_MAX_CONCURRENCY"))
	for i := 1; i < parallel; i++ {
		go serveForever(address, run)
	}
	serveForever(address, run)
}

func serveForever(address string, run func(context.Context, *call) error) {
	connection := &connection{address: address}
	for {
		if err := serveOne(connection, run); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func serveOne(connection *connection, run func(context.Context, *call) error) (err error) {
	status, headers, body, err := connection.request("GET", "invocation/next", "", "", nil)
	if err != nil {
		return err
	}
	if status != 200 {
		return fmt.Errorf("the Runtime API answered %d to next: %.200s", status, body)
	}
	c := &call{connection: connection, id: headers["lambda-runtime-aws-request-id"], event: body}
	ctx, cancel := c.context(headers)
	defer cancel()
	defer func() {
		if cause := recover(); cause != nil {
			err = c.panicked(cause)
		}
	}()
	return run(ctx, c)
}
