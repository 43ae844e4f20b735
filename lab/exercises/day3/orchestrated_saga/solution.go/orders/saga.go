package main

// The saga as plain data: what has been done for an order, and what comes next. No clock, no network, no database.

var steps = [...]string{"reserve", "charge", "confirm", "notify"}

// pivot is the step behind which nothing is undone: what is left to do is done sooner or later.
const pivot = 2

// undoneBy has the compensation of each step that has one.
var undoneBy = map[string]string{"reserve": "release", "charge": "refund"}

// A Saga is running, compensating, completed or compensated; each of its steps is pending, begun (asked for, and nobody
// knows what came of it), done, refused or undone. Changes make a new one.
type Saga struct {
	State    string
	Statuses [len(steps)]string
	Reason   string
}

func newSaga() Saga {
	return Saga{State: "running", Statuses: [...]string{"pending", "pending", "pending", "pending"}}
}

func (s Saga) passedThePivot() bool { return s.Statuses[pivot] == "done" }

// Next is what is to be asked for now: a step, or a compensation; nothing at the end. Compensations go from the last step to
// the first, and undo what was begun as well as what was done: no answer is not a no.
func (s Saga) Next() string {
	switch s.State {
	case "running":
		for i, status := range s.Statuses {
			if status == "pending" || status == "begun" {
				return steps[i]
			}
		}
	case "compensating":
		return undoneBy[steps[s.toUndo()]]
	}
	return ""
}

// Begun is asked for, or about to be: to be written down before the call, so that a crash is no excuse.
func (s Saga) Begun(action string) Saga {
	if i, forwards := place(action); forwards {
		s.Statuses[i] = "begun"
	}
	return s
}

func (s Saga) Done(action string) Saga {
	i, forwards := place(action)
	if !forwards {
		s.Statuses[i] = "undone"
		return s.compensating()
	}
	s.Statuses[i] = "done"
	if i == len(steps)-1 {
		s.State = "completed"
	}
	return s
}

// Refused: the neighbour said no to a step. Behind the pivot that is noted and undoes nothing.
func (s Saga) Refused(action, reason string) Saga {
	i, _ := place(action)
	s.Statuses[i] = "refused"
	if s.passedThePivot() {
		s.State = "completed"
		return s
	}
	return s.GivenUp(reason)
}

// GivenUp turns round.
func (s Saga) GivenUp(reason string) Saga {
	s.Reason = reason
	return s.compensating()
}

func (s Saga) compensating() Saga {
	s.State = "compensating"
	if s.toUndo() < 0 {
		s.State = "compensated"
	}
	return s
}

// toUndo is the last step that has to be undone, or -1.
func (s Saga) toUndo() int {
	for i := len(steps) - 1; i >= 0; i-- {
		if undoneBy[steps[i]] != "" && (s.Statuses[i] == "begun" || s.Statuses[i] == "done") {
			return i
		}
	}
	return -1
}

// place is the step that an action is, or that it undoes.
func place(action string) (step int, forwards bool) {
	for i, name := range steps {
		if name == action || undoneBy[name] == action {
			return i, name == action
		}
	}
	panic("no action of a saga: " + action)
}
