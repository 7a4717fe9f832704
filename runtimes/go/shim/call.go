package hearth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"time"
)

const (
	jsonType   = "application/json"
	httpStream = "application/vnd.awslambda.http-integration-response"
	typeHeader = "Lambda-Runtime-Function-Error-Type"
	bodyHeader = "Lambda-Runtime-Function-Error-Body"
)

// call is one invocation on its connection. It belongs to the goroutine that serves it.
type call struct {
	connection *connection
	id         string
	event      []byte
	stream     *Stream
}

func (c *call) context(headers map[string]string) (context.Context, context.CancelFunc) {
	memory, _ := strconv.Atoi(os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
	invocation := Invocation{
		RequestID:          c.id,
		InvokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
		TraceID:            headers["lambda-runtime-trace-id"],
		FunctionName:       os.Getenv("AWS_LAMBDA_FUNCTION_NAME"),
		FunctionVersion:    os.Getenv("AWS_LAMBDA_FUNCTION_VERSION"),
		MemoryLimitInMB:    memory,
		ClientContext:      json.RawMessage(headers["lambda-runtime-client-context"]),
		Identity:           json.RawMessage(headers["lambda-runtime-cognito-identity"]),
	}
	if invocation.TraceID != "" {
		_ = os.Setenv("_X_AMZN_TRACE_ID", invocation.TraceID)
	}
	ctx := context.Background()
	milliseconds, err := strconv.ParseInt(headers["lambda-runtime-deadline-ms"], 10, 64)
	if err != nil || milliseconds <= 0 {
		return context.WithCancel(context.WithValue(ctx, invocationKey{}, invocation))
	}
	invocation.Deadline = time.UnixMilli(milliseconds)
	return context.WithDeadline(context.WithValue(ctx, invocationKey{}, invocation), invocation.Deadline)
}

func (c *call) post(what, contentType, errorType string, body []byte) error {
	status, _, answer, err := c.connection.request("POST", "invocation/"+c.id+"/"+what, contentType, errorType, body)
	if err == nil && status >= 300 {
		fmt.Fprintf(os.Stderr, "the Runtime API refused the answer of %s: %d %.300s\n", c.id, status, answer)
	}
	return err
}

type description struct {
	Message string   `json:"errorMessage"`
	Type    string   `json:"errorType"`
	Trace   []string `json:"stackTrace"`
}

func describe(err error, kind string, trace []string) description {
	if kind == "" {
		kind = typeName(err)
	}
	if trace == nil {
		trace = []string{}
		for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(cause) {
			trace = append(trace, "caused by "+typeName(cause)+": "+cause.Error())
		}
	}
	return description{err.Error(), kind, trace}
}

func typeName(value any) string {
	kind := reflect.TypeOf(value)
	for kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	return kind.Name()
}

func (d description) log() {
	fmt.Fprintln(os.Stderr, strings.Join(append([]string{d.Type + ": " + d.Message}, d.Trace...), "\n    "))
}

func (d description) headerType() string {
	if strings.HasPrefix(d.Type, "Runtime.") || strings.HasPrefix(d.Type, "Function.") {
		return d.Type
	}
	return "Function." + d.Type
}

func (d description) json() []byte {
	text, _ := json.Marshal(d)
	return text
}

func (c *call) fail(err error, kind string, trace []string) error {
	d := describe(err, kind, trace)
	d.log()
	return c.post("error", jsonType, d.headerType(), d.json())
}

// panicked reports a panic of the handler as its error. The process goes on, as a net/http server does: other
// invocations may be inside it.
func (c *call) panicked(cause any) error {
	err, ok := cause.(error)
	if !ok {
		err = fmt.Errorf("%v", cause)
	}
	kind := "Runtime.Panic"
	if c.stream != nil && c.stream.started {
		return c.stream.conclude(err)
	}
	return c.fail(err, kind, stack())
}

func stack() []string {
	addresses := make([]uintptr, 64)
	frames := runtime.CallersFrames(addresses[:runtime.Callers(4, addresses)])
	var trace []string
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.Function, "hearth.") {
			break
		}
		if !strings.HasPrefix(frame.Function, "runtime.") {
			trace = append(trace, fmt.Sprintf("%s (%s:%d)", frame.Function, frame.File, frame.Line))
		}
		if !more {
			break
		}
	}
	return trace
}

// Stream is an answer that is sent while the handler runs: each Write goes to the client at once.
type Stream struct {
	call        *call
	contentType string
	head        []byte
	started     bool
	broken      error
}

// SetContentType is for answers with status 200 and no other headers.
func (s *Stream) SetContentType(contentType string) { s.contentType = contentType }

// SetHead sets status, headers and cookies; Body of the response is ignored. It must come before the first Write.
func (s *Stream) SetHead(response Response) error {
	if s.started {
		return errors.New("the head of the answer is already sent")
	}
	if response.StatusCode == 0 {
		response.StatusCode = 200
	}
	text, err := json.Marshal(struct {
		StatusCode int               `json:"statusCode"`
		Headers    map[string]string `json:"headers,omitempty"`
		Cookies    []string          `json:"cookies,omitempty"`
	}{response.StatusCode, response.Headers, response.Cookies})
	if err != nil {
		return err
	}
	s.head = append(text, 0, 0, 0, 0, 0, 0, 0, 0)
	return nil
}

// Flush sends the head, if nothing was written so far.
func (s *Stream) Flush() error {
	if s.started || s.broken != nil {
		return s.broken
	}
	s.started = true
	contentType := s.contentType
	if s.head != nil {
		contentType = httpStream
	}
	s.broken = s.call.connection.send("POST /2018-06-01/runtime/invocation/"+s.call.id+"/response HTTP/1.1\r\n"+
		"Host: "+s.call.connection.address+"\r\n"+
		"Content-Type: "+contentType+"\r\n"+
		"Transfer-Encoding: chunked\r\n"+
		"Lambda-Runtime-Function-Response-Mode: streaming\r\n"+
		"Trailer: "+typeHeader+", "+bodyHeader+"\r\n\r\n", nil)
	if s.head != nil {
		s.chunk(s.head)
	}
	return s.broken
}

func (s *Stream) chunk(data []byte) {
	if s.broken == nil && len(data) > 0 {
		framed := make([]byte, 0, len(data)+20)
		framed = strconv.AppendInt(framed, int64(len(data)), 16)
		framed = append(framed, "\r\n"...)
		framed = append(framed, data...)
		s.broken = s.call.connection.send("", append(framed, "\r\n"...))
	}
}

// Write sends data now. Its error means that the client went away.
func (s *Stream) Write(data []byte) (int, error) {
	if err := s.Flush(); err != nil {
		return 0, err
	}
	s.chunk(data)
	if s.broken != nil {
		return 0, s.broken
	}
	return len(data), nil
}

// conclude ends the answer; with the error that cut it short in its trailers.
func (s *Stream) conclude(err error) error {
	if err != nil && !s.started {
		return s.call.fail(err, "", nil)
	}
	if s.Flush() == nil {
		trailers := ""
		if err != nil {
			d := describe(err, "", nil)
			d.log()
			trailers = typeHeader + ": " + d.headerType() + "\r\n" +
				bodyHeader + ": " + base64.StdEncoding.EncodeToString(d.json()) + "\r\n"
		}
		s.broken = s.call.connection.send("0\r\n"+trailers+"\r\n", nil)
	}
	if s.broken == nil {
		_, _, _, s.broken = s.call.connection.response()
	}
	if s.broken != nil {
		// The platform hung up because the client did: no reason to lose this process.
		fmt.Fprintf(os.Stderr, "the stream of %s was cut off: %v\n", s.call.id, s.broken)
		s.call.connection.close()
	}
	return nil
}
