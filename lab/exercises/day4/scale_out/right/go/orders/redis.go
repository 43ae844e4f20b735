package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Redis speaks commands whose answers are texts and numbers. Connections that are not in use wait in a small pool; one that
// failed is closed.
type Redis struct {
	address string
	timeout time.Duration
	idle    chan *conn
}

type conn struct {
	net.Conn
	in *bufio.Reader
}

type replyError string

func (e replyError) Error() string { return string(e) }

func NewRedis(address string, timeout time.Duration) *Redis {
	parsed, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	return &Redis{parsed.Host, timeout, make(chan *conn, 16)}
}

// do executes a command; nil is the answer of a GET that found nothing.
func (r *Redis) do(words ...string) ([]byte, error) {
	c, err := r.connection()
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(r.timeout))
	var command strings.Builder
	fmt.Fprintf(&command, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&command, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(c, command.String()); err != nil {
		c.Close()
		return nil, err
	}
	reply, err := c.reply()
	var refused replyError
	if err != nil && !errors.As(err, &refused) {
		c.Close()
		return nil, err
	}
	select {
	case r.idle <- c:
	default:
		c.Close()
	}
	return reply, err
}

func (r *Redis) connection() (*conn, error) {
	select {
	case c := <-r.idle:
		return c, nil
	default:
	}
	c, err := net.DialTimeout("tcp", r.address, r.timeout)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReader(c)}, nil
}

func (c *conn) reply() ([]byte, error) {
	line, err := c.in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return nil, errors.New("no reply")
	}
	switch line[0] {
	case '-':
		return nil, replyError(line[1:])
	case '$':
		size, err := strconv.Atoi(line[1:])
		if err != nil || size < 0 {
			return nil, err
		}
		body := make([]byte, size+2)
		if _, err := io.ReadFull(c.in, body); err != nil {
			return nil, err
		}
		return body[:size], nil
	default:
		return []byte(line[1:]), nil
	}
}
