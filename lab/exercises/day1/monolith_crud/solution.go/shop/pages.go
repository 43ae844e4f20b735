package main

import (
	"net/http"
	"strconv"
)

// Pages of a list by keyset: a page begins after the row that the last one ended with, not after so many rows.

const (
	usual = 20
	most  = 100
)

// A Page has the cursor of the next one, unless it is the last.
type Page[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

// A Window is what of a list is asked for: so many rows after a position.
type Window struct {
	Limit int
	After int64
}

func windowOf(r *http.Request) (Window, error) {
	window, query := Window{Limit: usual}, r.URL.Query()
	if text := query.Get("limit"); text != "" {
		limit, err := strconv.Atoi(text)
		if err != nil || limit < 1 || limit > most {
			return window, invalid("limit is a number between 1 and %d.", most)
		}
		window.Limit = limit
	}
	if text := query.Get("cursor"); text != "" {
		after, err := strconv.ParseInt(text, 10, 64)
		if err != nil || after < 0 {
			return window, problem(http.StatusUnprocessableEntity, "invalid_cursor", "The cursor is not one that a page gave you.")
		}
		window.After = after
	}
	return window, nil
}

// A Row is an item and its place in the list.
type Row[T any] struct {
	Position int64
	Item     T
}

// pageOf makes a page of the rows that were found. One more than asked for tells that there is a next page, without
// counting the table.
func pageOf[T any](rows []Row[T], limit int) Page[T] {
	page := Page[T]{Items: []T{}}
	for i, row := range rows {
		if i == limit {
			cursor := strconv.FormatInt(rows[i-1].Position, 10)
			page.NextCursor = &cursor
			break
		}
		page.Items = append(page.Items, row.Item)
	}
	return page
}
