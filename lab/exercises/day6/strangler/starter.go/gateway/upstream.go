package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Call is a request. Path is as it stands on the wire, with its query.
type Call struct {
	Method, Path string
	Body         []byte
	ContentType  string
	RequestID    string
}

// callOf is what came in, to be passed on.
func callOf(r *http.Request) (Call, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 4<<20))
	if err != nil {
		return Call{}, invalid("The body cannot be read: %v.", err)
	}
	return Call{
		Method: r.Method, Path: r.URL.RequestURI(), Body: body,
		ContentType: r.Header.Get("Content-Type"), RequestID: r.Header.Get("X-Request-ID"),
	}, nil
}

// userPath is that of a user under a prefix, whatever characters are in the id.
func userPath(prefix, id string) string { return prefix + "/" + url.PathEscape(id) }

type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// passOn answers as somebody else did; of the headers only those go on that still mean the same one hop further.
func (a Answer) passOn(w http.ResponseWriter) error {
	for _, name := range []string{"Content-Type", "Retry-After", "Allow"} {
		if value := a.Header.Get(name); value != "" {
			w.Header().Set(name, value)
		}
	}
	w.WriteHeader(a.Status)
	w.Write(a.Body)
	return nil
}

// An Upstream is somebody behind the gateway: a request goes on as it came, and there is an answer or there is none.
type Upstream struct {
	Name   string
	url    string
	client http.Client
}

func NewUpstream(name, address string, timeout time.Duration) *Upstream {
	// An idle connection is given up before the other side closes it, for a POST must not meet a closed one.
	transport := &http.Transport{MaxIdleConnsPerHost: 32, IdleConnTimeout: 2 * time.Second}
	return &Upstream{
		Name: name, url: strings.TrimRight(address, "/"), client: http.Client{Timeout: timeout, Transport: transport},
	}
}

// Send is not broken off when the customer leaves: what has begun is finished. An error means that no answer came, and
// nobody knows whether the work was done.
func (u *Upstream) Send(call Call) (Answer, error) {
	request, err := http.NewRequest(call.Method, u.url+call.Path, bytes.NewReader(call.Body))
	if err != nil {
		return Answer{}, err
	}
	request.Header.Set("X-Request-ID", call.RequestID)
	if call.ContentType != "" {
		request.Header.Set("Content-Type", call.ContentType)
	}
	answer, err := u.client.Do(request)
	if err != nil {
		return Answer{}, fmt.Errorf("%s does not answer: %w", u.Name, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return Answer{}, fmt.Errorf("%s does not answer in full: %w", u.Name, err)
	}
	return Answer{Status: answer.StatusCode, Header: answer.Header, Body: body}, nil
}
