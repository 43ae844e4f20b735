package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

type Product struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Price   int64  `json:"price"`
	Version int64  `json:"version"`
}

// parseProduct fails unless the text is a product with all that belongs to one.
func parseProduct(text []byte) (Product, error) {
	var product Product
	if err := json.Unmarshal(text, &product); err != nil {
		return product, err
	}
	if product.ID == "" || product.Name == "" || product.Version < 1 {
		return product, errors.New("this is no product")
	}
	return product, nil
}

var (
	// ErrUnknown: there is no such product.
	ErrUnknown = errors.New("no such product")
	// ErrOriginDown: the origin did not answer, or not as agreed. What was written may or may not be there.
	ErrOriginDown = errors.New("the origin is unavailable")
)

// Origin is where products really are: the rows of the table `products`. It is slow, it numbers the versions of each, and
// without a cache before it it must not be asked more than it can take: each question has one of few places, and who gets
// none waits no longer than for an answer.
type Origin struct {
	url     string
	client  http.Client
	timeout time.Duration
	places  chan struct{}
}

func NewOrigin(address string, timeout time.Duration, atOnce int) *Origin {
	return &Origin{
		url: strings.TrimRight(address, "/"), client: http.Client{Timeout: timeout},
		timeout: timeout, places: make(chan struct{}, atOnce),
	}
}

// Read returns ErrUnknown, ErrOriginDown or the product.
func (o *Origin) Read(ctx context.Context, id, requestID string) (Product, error) {
	return o.ask(ctx, http.MethodGet, id, requestID, nil)
}

// Write returns the product as it is now, with its new version, or ErrOriginDown.
func (o *Origin) Write(ctx context.Context, id, requestID string, change Change) (Product, error) {
	row, err := json.Marshal(map[string]any{"id": id, "name": change.Name, "price": change.Price})
	if err != nil {
		return Product{}, err
	}
	product, err := o.ask(ctx, http.MethodPut, id, requestID, row)
	if errors.Is(err, ErrUnknown) {
		err = fmt.Errorf("%w: it has no place for the product", ErrOriginDown)
	}
	return product, err
}

func (o *Origin) ask(ctx context.Context, method, id, requestID string, row []byte) (Product, error) {
	leave, err := o.enter(ctx)
	if err != nil {
		return Product{}, err
	}
	defer leave()
	request, err := http.NewRequestWithContext(ctx, method, o.url+"/rows/products/"+url.PathEscape(id), bytes.NewReader(row))
	if err != nil {
		return Product{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Request-ID", requestID)
	response, err := o.client.Do(request)
	if err != nil {
		return Product{}, fmt.Errorf("%w: %v", ErrOriginDown, err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		return Product{}, fmt.Errorf("%w: %v", ErrOriginDown, err)
	}
	switch response.StatusCode {
	case http.StatusOK, http.StatusCreated:
	case http.StatusNotFound:
		return Product{}, ErrUnknown
	default:
		return Product{}, fmt.Errorf("%w: it answered %s", ErrOriginDown, response.Status)
	}
	product, err := parseProduct(body.Bytes())
	if err != nil {
		return Product{}, fmt.Errorf("%w: its answer: %v", ErrOriginDown, err)
	}
	return product, nil
}

func (o *Origin) enter(ctx context.Context) (leave func(), err error) {
	patience := time.NewTimer(o.timeout)
	defer patience.Stop()
	select {
	case o.places <- struct{}{}:
		return func() { <-o.places }, nil
	case <-patience.C:
		return nil, fmt.Errorf("%w: too many are asking it already", ErrOriginDown)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
