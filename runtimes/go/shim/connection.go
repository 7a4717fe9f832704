package hearth

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// connection is one keep-alive HTTP/1.1 connection to the Runtime API, used by one goroutine. net/http would add
// megabytes to the binary and milliseconds to its start.
type connection struct {
	address string
	socket  net.Conn
	reader  *bufio.Reader
}

func (c *connection) close() {
	if c.socket != nil {
		_ = c.socket.Close()
		c.socket = nil
	}
}

func (c *connection) open() error {
	socket, err := net.Dial("tcp", c.address)
	if err != nil {
		return err
	}
	c.socket = socket
	c.reader = bufio.NewReaderSize(socket, 16384)
	return nil
}

func (c *connection) send(text string, data []byte) error {
	buffers := net.Buffers{[]byte(text), data}
	_, err := buffers.WriteTo(c.socket)
	return err
}

// request sends a request and reads its answer. A kept connection that turns out to be closed is replaced once.
func (c *connection) request(method, path, contentType, errorType string, body []byte) (int, map[string]string, []byte, error) {
	head := method + " /2018-06-01/runtime/" + path + " HTTP/1.1\r\nHost: " + c.address + "\r\n"
	if method == "POST" {
		head += "Content-Type: " + contentType + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	if errorType != "" {
		head += typeHeader + ": " + errorType + "\r\n"
	}
	head += "\r\n"
	for fresh := c.socket == nil; ; fresh = true {
		status, headers, answer, err := c.exchange(head, body)
		if err == nil || fresh {
			return status, headers, answer, err
		}
		c.close()
	}
}

func (c *connection) exchange(head string, body []byte) (int, map[string]string, []byte, error) {
	if c.socket == nil {
		if err := c.open(); err != nil {
			return 0, nil, nil, err
		}
	}
	if err := c.send(head, body); err != nil {
		return 0, nil, nil, err
	}
	return c.response()
}

func (c *connection) response() (int, map[string]string, []byte, error) {
	line, err := c.line()
	if err != nil {
		return 0, nil, nil, err
	}
	parts := strings.SplitN(line, " ", 3)
	if len(parts) < 2 {
		return 0, nil, nil, fmt.Errorf("the Runtime API answered %q", line)
	}
	status, err := strconv.Atoi(parts[1])
	if err != nil {
		return 0, nil, nil, err
	}
	headers, err := c.fields()
	if err != nil {
		return 0, nil, nil, err
	}
	body, err := c.body(headers)
	if strings.EqualFold(headers["connection"], "close") {
		c.close()
	}
	return status, headers, body, err
}

func (c *connection) line() (string, error) {
	line, err := c.reader.ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = errors.New("the Runtime API closed the connection")
	}
	return strings.TrimRight(line, "\r\n"), err
}

func (c *connection) fields() (map[string]string, error) {
	fields := map[string]string{}
	for {
		line, err := c.line()
		if err != nil || line == "" {
			return fields, err
		}
		name, value, _ := strings.Cut(line, ":")
		fields[strings.ToLower(name)] = strings.TrimSpace(value)
	}
}

func (c *connection) body(headers map[string]string) ([]byte, error) {
	if !strings.Contains(headers["transfer-encoding"], "chunked") {
		size, _ := strconv.Atoi(headers["content-length"])
		body := make([]byte, size)
		_, err := io.ReadFull(c.reader, body)
		return body, err
	}
	var body []byte
	for {
		line, err := c.line()
		if err != nil {
			return nil, err
		}
		text, _, _ := strings.Cut(line, ";")
		size, err := strconv.ParseUint(strings.TrimSpace(text), 16, 31)
		if err != nil {
			return nil, err
		}
		if size == 0 {
			_, err = c.fields()
			return body, err
		}
		chunk := make([]byte, size+2)
		if _, err := io.ReadFull(c.reader, chunk); err != nil {
			return nil, err
		}
		body = append(body, chunk[:size]...)
	}
}
