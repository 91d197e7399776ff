package action

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portico-dev/portico/fault"
)

// Registry is the table of actions, by id. It is immutable.
type Registry struct {
	actions []Action
	byID    map[string]Action
}

// NewRegistry makes the table; two actions with one id are an error.
func NewRegistry(actions ...Action) (*Registry, error) {
	r := &Registry{byID: map[string]Action{}}
	for _, a := range actions {
		id := a.Describe().ID
		if _, taken := r.byID[id]; taken {
			return nil, fmt.Errorf("two actions have the id %q", id)
		}
		r.byID[id] = a
		r.actions = append(r.actions, a)
	}
	slices.SortFunc(r.actions, func(a, b Action) int { return strings.Compare(a.Describe().ID, b.Describe().ID) })
	return r, nil
}

// All returns the actions, sorted by id.
func (r *Registry) All() []Action { return r.actions }

// Lookup finds an action by its id. For an unknown id it returns a final NotFoundError with Backstage's
// message.
func (r *Registry) Lookup(id string) (Action, error) {
	if a, known := r.byID[id]; known {
		return a, nil
	}
	err := Final(fault.New(fault.NotFound, "Template action with ID '%s' is not registered. "+
		"See https://backstage.io/docs/features/software-templates/builtin-actions/ on how to add a new action module.", id))
	return nil, Advise(err, "Look the action's id up among the installed actions, correct the template and start a new run: this one keeps the "+
		"template it began with.")
}
