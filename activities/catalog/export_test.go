package catalog

import (
	"time"

	"github.com/portico-dev/portico/scaffolder/action"
)

// AnnotateActionsAt are the actions that annotate descriptors, at one time.
func AnnotateActionsAt(catalog Service, at time.Time) []action.Action {
	return annotateActions(catalog, func() time.Time { return at })
}
