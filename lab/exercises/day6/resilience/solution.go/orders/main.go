// orders: POST /orders, for customers who exist, with what they might like besides.
package main

import (
	"encoding/json"
	"net/http"
	"net/url"
)

func main() {
	knobs := readKnobs()
	orders := &Orders{
		users: NewUpstream("users", mustEnv("USERS_URL"), knobs),
		reco:  NewUpstream("reco", mustEnv("RECO_URL"), knobs),
	}
	figures.Add("fallback_total", 0, "dependency", orders.reco.Name)
	routes := http.NewServeMux()
	routes.Handle("/orders", observed("/orders", methods{http.MethodPost: orders.place}))
	routes.Handle("/", observed("unmatched", handler(unmatched)))
	routes.Handle("/metrics", figures)
	serve(routes, orders.users.Check(), orders.reco.Check())
}

type Orders struct {
	users, reco *Upstream
}

type Order struct {
	UserID string `json:"user_id"`
	Item   string `json:"item"`
}

type Placed struct {
	ID string `json:"id"`
	Order
	Recommendations []json.RawMessage `json:"recommendations"`
	Degraded        []string          `json:"degraded"`
}

func (o *Orders) place(w http.ResponseWriter, r *http.Request) error {
	var order Order
	if err := read(r, &order); err != nil {
		return err
	}
	requestID, id := r.Header.Get("X-Request-ID"), url.PathEscape(order.UserID)
	answer, err := o.users.Ask(requestID, http.MethodGet, "/users/"+id, nil)
	if err != nil || answer.Status != http.StatusOK && answer.Status != http.StatusNotFound {
		return problem(http.StatusServiceUnavailable, "users_unavailable", "Nobody can say whether this customer exists.")
	}
	if answer.Status == http.StatusNotFound {
		return problem(http.StatusUnprocessableEntity, "unknown_user", "There is no user %s.", order.UserID)
	}
	placed := Placed{ID: newID(), Order: order, Recommendations: []json.RawMessage{}, Degraded: []string{}}
	if liked := o.recommended(requestID, id); liked != nil {
		placed.Recommendations = liked
	} else {
		placed.Degraded = append(placed.Degraded, o.reco.Name)
		figures.Add("fallback_total", 1, "dependency", o.reco.Name)
	}
	return reply(w, http.StatusCreated, placed)
}

// recommended is what this customer might like; nil if nobody can say.
func (o *Orders) recommended(requestID, id string) []json.RawMessage {
	var found struct{ Items []json.RawMessage }
	answer, err := o.reco.AskOnce(requestID, "/recommendations/"+id)
	if err != nil || answer.Status != http.StatusOK || json.Unmarshal(answer.Body, &found) != nil {
		return nil
	}
	return found.Items
}
