package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
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
	// ErrLayerDown: the layer did not answer, or not as agreed. What was written may or may not be there.
	ErrLayerDown = errors.New("the cache layer is unavailable")
)

// Layer is the cache layer, and all that the catalog knows of where products are.
type Layer struct {
	URL    string
	Client *http.Client
}

// Read returns ErrUnknown, ErrLayerDown or the product.
func (l *Layer) Read(ctx context.Context, id, requestID string) (Product, error) {
	return l.ask(ctx, http.MethodGet, id, requestID, nil)
}

// Write returns the product as it is now, with its new version, or ErrLayerDown.
func (l *Layer) Write(ctx context.Context, id, requestID string, change Change) (Product, error) {
	row, err := json.Marshal(change)
	if err != nil {
		return Product{}, err
	}
	product, err := l.ask(ctx, http.MethodPut, id, requestID, row)
	if errors.Is(err, ErrUnknown) {
		err = fmt.Errorf("%w: it has no place for the product", ErrLayerDown)
	}
	return product, err
}

func (l *Layer) ask(ctx context.Context, method, id, requestID string, row []byte) (Product, error) {
	request, err := http.NewRequestWithContext(ctx, method, l.URL+"/cache/products/"+url.PathEscape(id), bytes.NewReader(row))
	if err != nil {
		return Product{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Request-ID", requestID)
	response, err := l.Client.Do(request)
	if err != nil {
		return Product{}, fmt.Errorf("%w: %v", ErrLayerDown, err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		return Product{}, fmt.Errorf("%w: %v", ErrLayerDown, err)
	}
	switch response.StatusCode {
	case http.StatusOK, http.StatusCreated:
	case http.StatusNotFound:
		return Product{}, ErrUnknown
	default:
		return Product{}, fmt.Errorf("%w: it answered %s", ErrLayerDown, response.Status)
	}
	product, err := parseProduct(body.Bytes())
	if err != nil {
		return Product{}, fmt.Errorf("%w: its answer: %v", ErrLayerDown, err)
	}
	return product, nil
}
