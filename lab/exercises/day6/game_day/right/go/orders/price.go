package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"
)

// No connection is kept: the catalog may have been another process a moment ago.
var catalog = http.Client{Timeout: patience(), Transport: &http.Transport{DisableKeepAlives: true}}

func patience() time.Duration {
	number, err := strconv.Atoi(os.Getenv("HTTP_TIMEOUT_MS"))
	if err != nil {
		number = 1000
	}
	return time.Duration(number) * time.Millisecond
}

// priceOf asks the catalog what the product costs, or says why the order is refused.
func priceOf(id, requestID string) (int64, *refusal) {
	away := &refusal{503, "catalog_unavailable"}
	request, err := http.NewRequest(http.MethodGet, os.Getenv("CATALOG_URL")+"/products/"+url.PathEscape(id), nil)
	if err != nil {
		return 0, away
	}
	request.Header.Set("X-Request-ID", requestID)
	answer, err := catalog.Do(request)
	if err != nil {
		return 0, away
	}
	defer answer.Body.Close()
	var product struct{ Price int64 }
	switch {
	case answer.StatusCode == http.StatusNotFound:
		return 0, &refusal{422, "unknown_product"}
	case answer.StatusCode != http.StatusOK || json.NewDecoder(answer.Body).Decode(&product) != nil || product.Price <= 0:
		return 0, away
	}
	return product.Price, nil
}
