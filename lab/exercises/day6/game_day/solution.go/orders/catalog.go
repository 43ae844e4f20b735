package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Catalog is what orders asks for the price of a product.
type Catalog struct {
	url     string
	timeout time.Duration
	client  http.Client
}

// NewCatalog: the timeout is for all attempts together. Whoever orders waits for no longer.
func NewCatalog(address string, timeout time.Duration) *Catalog {
	return &Catalog{url: strings.TrimRight(address, "/"), timeout: timeout}
}

// Price is what the product costs now; its error is a Problem.
func (c *Catalog) Price(ctx context.Context, productID, requestID string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	price, err := c.ask(ctx, productID, requestID)
	var cut net.Error
	if errors.As(err, &cut) && !cut.Timeout() {
		// It was cut off or just starts again. Asking changes nothing, so it is asked once more.
		price, err = c.ask(ctx, productID, requestID)
	}
	var known *Problem
	if err != nil && !errors.As(err, &known) {
		logLine("warning", "the catalog is unavailable: "+err.Error(), map[string]any{"dependency": "catalog"})
		err = problem(http.StatusServiceUnavailable, "catalog_unavailable", "Nobody knows the price just now.")
	}
	return price, err
}

func (c *Catalog) ask(ctx context.Context, productID, requestID string) (int64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/products/"+url.PathEscape(productID), nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("X-Request-ID", requestID)
	answer, err := c.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return 0, problem(http.StatusUnprocessableEntity, "unknown_product", "There is no product %s.", productID)
	default:
		return 0, fmt.Errorf("it answered %s", answer.Status)
	}
	var product struct {
		Price int64 `json:"price"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&product); err != nil {
		return 0, err
	}
	if product.Price <= 0 {
		return 0, errors.New("it answered no price")
	}
	return product.Price, nil
}
