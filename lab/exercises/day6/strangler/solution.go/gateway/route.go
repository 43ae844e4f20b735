package main

import (
	"strconv"
	"strings"
)

const prefix = "/users"

// A Route is a target of the routing table: who decides, and who else is asked to read. New: users decides, and the
// monolith follows; else it is the other way round. A Share of a hundred single reads are answered by users while the
// monolith decides; in the Shadow users is asked, too, and its answer compared.
type Route struct {
	Target      string
	New, Shadow bool
	Share       int
}

// Copied: the side that does not decide has to know what the other one knows.
func (r Route) Copied() bool { return r.Target != "legacy" }

func parseRoute(target string) (Route, bool) {
	route := Route{Target: target, New: target == "new", Shadow: target == "shadow"}
	if strings.HasPrefix(target, "percent:") {
		share, err := strconv.Atoi(strings.TrimPrefix(target, "percent:"))
		route.Share = share
		return route, err == nil && share >= 0 && share <= 100
	}
	return route, route.New || route.Shadow || target == "legacy"
}
