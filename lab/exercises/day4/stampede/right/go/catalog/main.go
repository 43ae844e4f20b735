// The catalog on Go's standard library. One goroutine of a process loads a product; a copy that is near its end is
// loaded anew beforehand, the sooner the longer a load takes (XFetch). Instances know nothing of each other.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

type product struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Price   int64  `json:"price"`
	Version int64  `json:"version"`
}

// copied is what stands in Redis: the product (nil: there is none), how long it took to load and when it ends.
type copied struct {
	Product *product `json:"product"`
	Took    float64  `json:"took"`
	Ends    float64  `json:"ends"`
}

var (
	errUnavailable = errors.New("the origin cannot be asked")
	errNotKnown    = errors.New("there is no copy")
)

const keepNewer = `
local old = redis.pcall('GET', KEYS[1])
if type(old) == 'string' then
  local readable, row = pcall(cjson.decode, old)
  if readable and type(row) == 'table' and type(row.product) == 'table' and tonumber(row.product.version) > tonumber(ARGV[2]) then
    return 0
  end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 1`

type catalog struct {
	rows        string
	redis       *Redis
	http        *http.Client
	places      chan struct{}
	timeout     time.Duration
	ttl, negTTL time.Duration
	flights     Flights
}

func now() float64 { return float64(time.Now().UnixMicro()) / 1e6 }

func seconds(name string, fallback float64) time.Duration {
	if n, err := strconv.ParseFloat(os.Getenv(name), 64); err == nil {
		fallback = n
	}
	return time.Duration(fallback * float64(time.Second))
}

// ask gives nil without an error if there is no such product.
func (c *catalog) ask(method, id string, row any) (*product, error) {
	turn := time.NewTimer(c.timeout)
	defer turn.Stop()
	select {
	case c.places <- struct{}{}:
		defer func() { <-c.places }()
	case <-turn.C:
		return nil, errUnavailable
	}
	var body io.Reader
	if row != nil {
		text, _ := json.Marshal(row)
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, c.rows+url.PathEscape(id), body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, errUnavailable
	}
	defer answer.Body.Close()
	var found product
	switch {
	case answer.StatusCode == http.StatusNotFound && method == http.MethodGet:
		return nil, nil
	case answer.StatusCode != http.StatusOK:
		return nil, errUnavailable
	case json.NewDecoder(answer.Body).Decode(&found) != nil || found.Version == 0:
		return nil, errUnavailable
	}
	return &found, nil
}

func key(id string) string { return "catalog:product:" + id }

func (c *catalog) recall(id string) (copied, error) {
	var held copied
	text, err := c.redis.Get(key(id))
	if err != nil {
		logLine("warn", "no use of the copy", map[string]any{"error": err.Error()})
		return held, err
	}
	if text == nil || json.Unmarshal(text, &held) != nil || held.Ends == 0 {
		return held, errNotKnown
	}
	return held, nil
}

func (c *catalog) keep(id string, found *product, took time.Duration) {
	ttl, version := c.negTTL, int64(0)
	if found != nil {
		ttl, version = time.Duration(float64(c.ttl)*(0.9+rand.Float64()/5)), found.Version
	}
	text, _ := json.Marshal(copied{found, took.Seconds(), now() + ttl.Seconds()})
	_, err := c.redis.do("EVAL", keepNewer, "1", key(id), string(text),
		strconv.FormatInt(version, 10), strconv.FormatInt(ttl.Milliseconds(), 10))
	if err != nil {
		logLine("warn", "no copy is left", map[string]any{"error": err.Error()})
	}
}

// load is done by one goroutine a product.
func (c *catalog) load(id string, store bool) (*product, error) {
	return c.flights.Do(id, func() (*product, error) {
		began := time.Now()
		if store {
			if held, err := c.recall(id); err == nil && held.Ends-now() > c.ttl.Seconds()/2 {
				return held.Product, nil // somebody was here between our look and our turn
			}
			began = time.Now()
		}
		found, err := c.ask(http.MethodGet, id, nil)
		if err == nil && store {
			c.keep(id, found, time.Since(began))
		}
		return found, err
	})
}

func (c *catalog) read(id string) (*product, error) {
	held, err := c.recall(id)
	if err != nil {
		var refused replyError
		return c.load(id, err == errNotKnown || errors.As(err, &refused) && strings.HasPrefix(err.Error(), "WRONGTYPE"))
	}
	if held.Product != nil && now()-held.Took*2*math.Log(rand.Float64()) > held.Ends && !c.flights.Busy(id) {
		go c.load(id, true)
	}
	return held.Product, nil
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	if status >= 400 {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func problem(w http.ResponseWriter, status int, code string) {
	answer(w, status, map[string]any{"title": http.StatusText(status), "status": status, "code": code})
}

func (c *catalog) change(w http.ResponseWriter, r *http.Request, id string) {
	var row struct {
		ID    string  `json:"id"`
		Name  *string `json:"name"`
		Price *int64  `json:"price"`
	}
	if err := json.NewDecoder(r.Body).Decode(&row); err != nil || row.Name == nil || row.Price == nil {
		problem(w, http.StatusBadRequest, "invalid_product")
		return
	}
	row.ID = id
	began := time.Now()
	found, err := c.ask(http.MethodPut, id, row)
	if err != nil {
		c.redis.Del(key(id))
		c.flights.Forget(id)
		problem(w, http.StatusServiceUnavailable, "origin_unavailable")
		return
	}
	c.keep(id, found, time.Since(began))
	c.flights.Forget(id)
	answer(w, http.StatusOK, found)
}

func (c *catalog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/products/"))
	switch {
	case err != nil || id == "":
		problem(w, http.StatusNotFound, "unknown_product")
	case r.Method == http.MethodGet:
		found, err := c.read(id)
		if err != nil {
			problem(w, http.StatusServiceUnavailable, "origin_unavailable")
		} else if found == nil {
			problem(w, http.StatusNotFound, "unknown_product")
		} else {
			answer(w, http.StatusOK, found)
		}
	case r.Method == http.MethodPut:
		c.change(w, r, id)
	default:
		problem(w, http.StatusMethodNotAllowed, "method_not_allowed")
	}
}

func main() {
	rand.Seed(time.Now().UnixNano())
	timeout := envMillis("HTTP_TIMEOUT_MS", 2000)
	c := &catalog{
		rows:    mustEnv("ORIGIN_URL") + "/rows/products/",
		redis:   NewRedis(mustEnv("REDIS_URL"), envMillis("REDIS_TIMEOUT_MS", 200)),
		http:    &http.Client{Timeout: timeout},
		places:  make(chan struct{}, envInt("ORIGIN_MAX", 10)),
		timeout: timeout,
		ttl:     seconds("CACHE_TTL_S", 30),
		negTTL:  seconds("NEG_TTL_S", 2),
		flights: Flights{calls: map[string]*call{}},
	}
	routes := http.NewServeMux()
	routes.Handle("/products/", c)
	serve(routes)
}
